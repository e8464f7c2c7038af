"""Nouns, frozen: keys, partitions, types, definitions."""
