"""zipline's `zipline.finance.transaction`."""

from rbtlive.model.order_facts import Transaction

__all__ = ["Transaction"]
