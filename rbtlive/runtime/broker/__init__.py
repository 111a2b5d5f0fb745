"""One broker, connected, and its books compared with ours."""
