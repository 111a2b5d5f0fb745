"""zipline's `zipline.protocol`: what callbacks receive, for annotations and
`isinstance`.
"""

from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.order_views import OrderView as Order
from rbtlive.core.shown.portfolio_views import AccountView as Account
from rbtlive.core.shown.portfolio_views import PortfolioView as Portfolio
from rbtlive.core.shown.portfolio_views import PositionsView as Positions
from rbtlive.core.shown.portfolio_views import PositionView as Position

__all__ = ["Account", "BarData", "Order", "Portfolio", "Position", "Positions"]
