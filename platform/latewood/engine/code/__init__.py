"""Code versions of live functions: what a function can reach, as a digest."""
