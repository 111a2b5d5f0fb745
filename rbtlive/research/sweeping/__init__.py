"""Many runs of one strategy: the parameters, the workers, and the results."""
