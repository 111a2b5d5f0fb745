"""What the command line does, a module a group of commands."""
