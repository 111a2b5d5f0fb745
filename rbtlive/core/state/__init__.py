"""The parts of a run's state: orders, money, prices, records."""
