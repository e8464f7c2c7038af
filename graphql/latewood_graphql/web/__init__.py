"""Pages that the server has itself, with all that they need: nothing is fetched from elsewhere."""
