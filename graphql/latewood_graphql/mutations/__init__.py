"""What can be done through the API."""
