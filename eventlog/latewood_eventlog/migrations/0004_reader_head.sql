-- Who reads may know how far the log goes: what was read is true for that position.

GRANT SELECT (position) ON log_head TO latewood_reader;
