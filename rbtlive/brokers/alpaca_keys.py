"""A pair of Alpaca's keys.

The rule: a key is only in the headers of a request, never in a text that anyone reads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

from pydantic import SecretStr

from rbtlive.errors import InvalidSetting

KEY_VARIABLES = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
SECRET_VARIABLES = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
_HIDDEN = "**********"
_SHORTEST_HIDDEN = 4


@dataclass(frozen=True, slots=True)
class AlpacaKeys:
    """A key pair; it is never printed or logged."""

    key_id: SecretStr
    secret: SecretStr

    @classmethod
    def find(cls, key: str | SecretStr | None, secret: str | SecretStr | None) -> AlpacaKeys:
        """Return the given keys, or those in the environment.

        Raises:
            InvalidSetting: a key is missing, empty, or not valid in a header.
        """
        return cls(
            _secret(key, "key", KEY_VARIABLES),
            _secret(secret, "secret", SECRET_VARIABLES),
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that send the keys to Alpaca."""
        return {
            "APCA-API-KEY-ID": self.key_id.get_secret_value(),
            "APCA-API-SECRET-KEY": self.secret.get_secret_value(),
        }

    def hidden(self, text: str) -> str:
        """Return a text with both keys removed, in any form in which a broker may
        repeat them.
        """
        values = (self.key_id.get_secret_value(), self.secret.get_secret_value())
        for value in sorted(values, key=len, reverse=True):  # one may contain the other
            if len(value) < _SHORTEST_HIDDEN:
                continue  # it would be found in every text
            for form in {value, quote(value, safe="")}:
                text = text.replace(form, _HIDDEN)
        return text

    def __repr__(self) -> str:
        return "AlpacaKeys(**********)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "keys are not written to files: pass them again, or set the environment's variables"
        )


def _secret(given: str | SecretStr | None, name: str, variables: tuple[str, ...]) -> SecretStr:
    value = given.get_secret_value() if isinstance(given, SecretStr) else given
    if value is None:
        value = next((os.environ[v] for v in variables if os.environ.get(v)), None)
    if value is None:
        raise InvalidSetting(
            f"{name} must be given: was None, and {' and '.join(variables)} are not set; pass "
            f"{name}=, or set the variable"
        )
    if (
        not isinstance(value, str)
        or not value
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise InvalidSetting(
            f"{name} must be text without spaces; what was given is not (it is not shown here)"
        )
    return SecretStr(value)
