"""Asks for the environment, assets, calendar and context in every way, some of them wrong."""

from zipline.api import *
from zipline.utils.calendar_utils import get_calendar
from collections import defaultdict, deque
import functools

CASE = {"data": "edge_daily", "start": "2017-02-01", "end": "2017-03-28", "default_safe": True}

LOG = []


def attempt(call):
    try:
        LOG.append(call())
    except Exception as e:
        LOG.append(type(e).__name__)


def initialize(context):
    for field in ("platform", "arena", "data_frequency", "capital_base"):
        LOG.append([field, get_environment(field)])
    LOG.append(sorted(get_environment("*")))
    attempt(lambda: get_environment("nonsense"))
    set_symbol_lookup_date("2017-02-01")
    a, b = symbol("ALFA"), sid(11)
    LOG.append([a == b, a.sid, int(a), str(a), a.start_date, a.end_date, a.auto_close_date])
    LOG.append([a.to_dict()["symbol"], a.is_alive_for_session(a.start_date)])
    for bad in ("NOPE", "", 5, None, a):
        attempt(lambda: symbol(bad))
    attempt(lambda: sid(99999))
    attempt(lambda: symbols("ALFA", "NOPE"))
    context.window, context.hits = deque(maxlen=5), defaultdict(int)
    context.a, context.double = a, functools.lru_cache()(lambda x: x * 2)
    schedule_function(first, date_rules.month_start(), calendar=calendars.US_EQUITIES)


def first(context, data):
    cal = get_calendar("XNYS")
    today = get_datetime().normalize().tz_localize(None)
    LOG.append([str(cal.next_session(today).date()), str(cal.previous_session(today).date())])
    LOG.append([cal.session_close(today), cal.is_session(today)])


def handle_data(context, data):
    context.window.append(data.current(context.a, "price"))
    context.hits[get_datetime().day_of_week] += 1
    if len(context.window) == 5 and context.window[-1] > max(list(context.window)[:-1]):
        LOG.append(order(context.a, context.double(2)))
    record(**{f"d{k}": v for k, v in context.hits.items()})
    LOG.append([hasattr(context, "nope"), getattr(context, "nope", 5), "window" in vars(context)])
    for late in (
        lambda: set_benchmark(context.a),
        lambda: set_commission(commission.PerTrade(1)),
        lambda: set_slippage(slippage.NoSlippage()),
    ):
        attempt(late)
