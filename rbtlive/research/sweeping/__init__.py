"""Many runs of one strategy: what to run, where, and what came out."""
