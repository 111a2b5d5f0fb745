"""An in-memory venue: orders in, executions out, no I/O."""
