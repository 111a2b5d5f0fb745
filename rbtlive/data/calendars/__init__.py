"""When exchanges are open, and which slice comes next."""
