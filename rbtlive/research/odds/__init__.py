"""How likely it is that the best of many runs is luck."""
