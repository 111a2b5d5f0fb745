"""zipline's `zipline.utils.run_algo`."""

from rbtlive.research.run_algorithm import run_algorithm

__all__ = ["run_algorithm"]
