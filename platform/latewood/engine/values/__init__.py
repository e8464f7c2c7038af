"""Values at the edge: their types, what they are stored as, their data versions."""
