"""zipline's ten surprising rules that are mended by default, and how to restore them.

The rule: only this module distinguishes the two settings. The core asks a question of
`Quirks`, never for the setting itself.

| field | mended (default) | `zipline_quirks=True` |
| --- | --- | --- |
| `look_ahead_before_start` | daily `before_trading_start` sees the session before | it reads the coming session's bar |
| `cancel_oldest_only` | `EODCancel` cancels every open order | daily mode: the oldest of an asset that has two or more |
| `limit_may_be_passed` | a limit order never fills worse than its limit | the slippage model's price stands |
| `round_in_binary` | amounts within 0.0001 of an integer, inclusive, are that integer (Decimal) | decided in binary |
| `lose_dividend_off_session` | an ex or pay date that is not a session counts as the
next session | never earned, never paid |
| `target_ignores_open_orders` | `order_target*` counts the asset's open orders | it counts the position only |
| `loose_initialize_errors` | calls not allowed in `initialize` raise the documented class | AssertionError, as zipline does |
| `round_history` | history keeps every digit | history is rounded to three decimals |
| `loose_argument_types` | wrong argument types raise TypeError naming the argument | zipline's own error, or none |
| `lag_at_midnight` | daily bars on a 24/7 calendar are those of the session | data and fills are one session late there, an auto-close one early |
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirks:
    """The zipline rules in force; each field is a row of the table in the module
    docstring.
    """

    look_ahead_before_start: bool
    cancel_oldest_only: bool
    limit_may_be_passed: bool
    round_in_binary: bool
    lose_dividend_off_session: bool
    target_ignores_open_orders: bool
    loose_initialize_errors: bool
    round_history: bool
    loose_argument_types: bool
    lag_at_midnight: bool


MENDED = Quirks(*(False,) * 10)
AS_ZIPLINE = Quirks(*(True,) * 10)


def quirks(*, zipline_quirks: bool) -> Quirks:
    """Return the rules of a run."""
    return AS_ZIPLINE if zipline_quirks else MENDED
