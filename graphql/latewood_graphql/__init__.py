"""The GraphQL API of Latewood: every question and every action, at any moment of the log."""
