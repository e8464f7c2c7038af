"""Commands of users' own as processes: what they are told, what they say and make, and that nothing of them is left."""
