"""A venue in memory: orders in, executions out, no I/O."""
