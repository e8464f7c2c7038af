"""The command line as a client of a server elsewhere: the same words and tables, from what the server answers."""
