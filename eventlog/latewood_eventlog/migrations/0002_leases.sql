-- When each lease was last renewed: holders lease for as long as they like, so its end says nothing of that.

ALTER TABLE leases ADD COLUMN renewed_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE leases ALTER COLUMN renewed_at DROP DEFAULT;
