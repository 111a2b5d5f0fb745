"""zipline's `zipline.protocol`: what callbacks receive, for annotations and
`isinstance`.
"""

from rbtlive.core.bar_data import BarData
from rbtlive.core.views import AccountView as Account
from rbtlive.core.views import OrderView as Order
from rbtlive.core.views import PortfolioView as Portfolio
from rbtlive.core.views import PositionsView as Positions
from rbtlive.core.views import PositionView as Position

__all__ = ["Account", "BarData", "Order", "Portfolio", "Position", "Positions"]
