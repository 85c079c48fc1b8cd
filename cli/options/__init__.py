"""The options of all commands, each written once."""
