"""From a file of a project to definitions."""
