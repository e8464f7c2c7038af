-- Since when each lease has its holder: who looks at what is held wants to know, and a renewal moves the other times.

ALTER TABLE leases ADD COLUMN since timestamptz NOT NULL DEFAULT now();
ALTER TABLE leases ALTER COLUMN since DROP DEFAULT;
