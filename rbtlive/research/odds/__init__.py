"""The probability that the best of many runs is luck."""
