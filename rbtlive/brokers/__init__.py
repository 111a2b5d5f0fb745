"""Where orders go: the asynchronous port, the paper broker, and one file per real broker."""
