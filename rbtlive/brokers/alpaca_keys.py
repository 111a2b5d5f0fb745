"""A pair of Alpaca's keys.

The rule: a key is in the headers of a request, and in no text that anybody reads.
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
        """Return the keys that were given, or those of the environment.

        Raises:
            InvalidSetting: a key is missing, empty, or not what a header can carry.
        """
        return cls(
            _secret(key, "key", KEY_VARIABLES),
            _secret(secret, "secret", SECRET_VARIABLES),
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that show them to Alpaca."""
        return {
            "APCA-API-KEY-ID": self.key_id.get_secret_value(),
            "APCA-API-SECRET-KEY": self.secret.get_secret_value(),
        }

    def hidden(self, text: str) -> str:
        """Return a text with both keys taken out of it, however a broker came to say
        them.
        """
        values = (self.key_id.get_secret_value(), self.secret.get_secret_value())
        for value in sorted(values, key=len, reverse=True):  # one may hold the other
            if len(value) < _SHORTEST_HIDDEN:
                continue  # it would be found in every text
            for form in {value, quote(value, safe="")}:
                text = text.replace(form, _HIDDEN)
        return text

    def __repr__(self) -> str:
        return "AlpacaKeys(**********)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "keys are not written to files: pass them anew, or set the environment's variables"
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
