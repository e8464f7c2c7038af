"""The commands as click knows them: names, arguments and help. What a command does is imported when it is called."""
