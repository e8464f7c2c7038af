"""Read models: one file each with its tables, its reducer and its queries."""
