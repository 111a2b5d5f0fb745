"""Makes models of values that need no check, because what they were made from was checked.

The rule: whoever calls this vouches for every field, its type included; whatever comes from outside goes through the model itself.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

_new, _set = BaseModel.__new__, object.__setattr__


def trusted(model: type[Model], values: dict[str, Any], fields: set[str]) -> Model:
    """Return a model with these values, at a fifth of the cost of `model_construct`.

    Args:
        model: Its class; frozen, without private attributes.
        values: Every field by name, defaults included; kept, not copied.
        fields: Names of the fields that are not left at their default; shared by all instances, so never changed.
    """
    made = _new(model)
    _set(made, "__dict__", values)
    _set(made, "__pydantic_fields_set__", fields)
    _set(made, "__pydantic_extra__", None)
    _set(made, "__pydantic_private__", None)
    return made
