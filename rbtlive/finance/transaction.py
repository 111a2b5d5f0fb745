"""zipline's `zipline.finance.transaction`."""

from rbtlive.model.order import Transaction

__all__ = ["Transaction"]
