"""Domains: the markets that zipline's strategies name.

The rule: sessions and assets come from the data. A domain only names the market, and
two different domains are an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Domain:
    """A country's assets on one calendar.

    Args:
        country_code: Two letters, e.g. "US".
        calendar_name: Name of the calendar.
    """

    def __init__(self, country_code: str, calendar_name: str, **_offset: Any) -> None:
        self.country_code = country_code
        self.calendar_name = calendar_name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.country_code!r}, {self.calendar_name!r})"

    def __reduce__(self) -> Any:
        """Pickle by name, if this module has one for it: domains are equal only if they
        are one object.
        """
        name = f"{self.country_code}_EQUITIES" if self.country_code else "GENERIC"
        return name if globals().get(name) is self else super().__reduce__()

    def __copy__(self) -> Domain:
        return self

    def __deepcopy__(self, _memo: Any) -> Domain:
        return self


class EquityCalendarDomain(Domain):
    """A country's equities."""


class EquitySessionDomain(EquityCalendarDomain):
    """Equities on given sessions; the data's own sessions are used."""

    def __init__(self, sessions: Any, country_code: str, **_offset: Any) -> None:
        super().__init__(country_code, "")
        self.listed_sessions = sessions


class _Generic(Domain):
    def __init__(self) -> None:
        super().__init__("", "")

    def __repr__(self) -> str:
        return "GENERIC"


class AmbiguousDomain(Exception):  # noqa: N818 - zipline's name
    """Terms of several domains were combined."""


GENERIC = _Generic()
"""The domain of the data, whatever it is."""

_MARKETS = {
    "AR": "XBUE", "AT": "XWBO", "AU": "XASX", "BE": "XBRU", "BR": "BVMF", "CA": "XTSE",
    "CH": "XSWX", "CL": "XSGO", "CN": "XSHG", "CO": "XBOG", "CZ": "XPRA", "DE": "XFRA",
    "DK": "XCSE", "ES": "XMAD", "FI": "XHEL", "FR": "XPAR", "GB": "XLON", "GR": "ASEX",
    "HK": "XHKG", "HU": "XBUD", "ID": "XIDX", "IE": "XDUB", "IN": "XBOM", "IT": "XMIL",
    "JP": "XTKS", "KR": "XKRX", "MX": "XMEX", "MY": "XKLS", "NL": "XAMS", "NO": "XOSL",
    "NZ": "XNZE", "PE": "XLIM", "PH": "XPHS", "PK": "XKAR", "PL": "XWAR", "PT": "XLIS",
    "RU": "XMOS", "SE": "XSTO", "SG": "XSES", "TH": "XBKK", "TR": "XIST", "TW": "XTAI",
    "US": "XNYS", "ZA": "XJSE",
}  # fmt: skip
BUILT_IN_DOMAINS = [EquityCalendarDomain(country, name) for country, name in _MARKETS.items()]
globals().update({f"{domain.country_code}_EQUITIES": domain for domain in BUILT_IN_DOMAINS})
US_EQUITIES: Domain = next(domain for domain in BUILT_IN_DOMAINS if domain.country_code == "US")


def infer_domain(terms: Iterable[Any]) -> Domain:
    """Return the only domain of some terms, `GENERIC` if none names one.

    Raises:
        AmbiguousDomain: they name several domains.
    """
    found = {term.domain for term in terms if term.domain is not GENERIC}
    if len(found) > 1:
        names = " and ".join(sorted(map(repr, found)))
        raise AmbiguousDomain(f"terms must be of one domain: were of {names}")
    return found.pop() if found else GENERIC
