"""What is told as it happens: subscriptions, shared by all who ask for the same."""
