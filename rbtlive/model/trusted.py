"""Builds models from values that need no check, because their source was already
checked.

The rule: the caller guarantees every field, including its type; data from outside goes
through the model itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)

# Setting a model's four slots one by one takes half as long as `object.__setattr__`.
make: Final[Any] = object.__new__
set_values, set_names, set_extra, set_private = (
    BaseModel.__dict__[name].__set__
    for name in (
        "__dict__",
        "__pydantic_fields_set__",
        "__pydantic_extra__",
        "__pydantic_private__",
    )
)


class Flooding(BaseModel):
    """A model with very many instances, built only by `make` and `set_values` from the
    fields without defaults.

    pydantic's other attributes are the same for all such instances, and are filled in
    on first access.
    """

    if not TYPE_CHECKING:  # a type checker would allow an attribute of any name

        def __getattr__(self, name: str) -> Any:
            if name not in _LATER:
                return super().__getattr__(name)
            value = None
            if name == "__pydantic_fields_set__":
                value = {
                    field for field, facts in type(self).model_fields.items() if facts.is_required()
                }
            object.__setattr__(self, name, value)
            return value


_LATER: Final = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the defaults of a model's fields, by name.

    Raises:
        TypeError: a default is created for each instance, so it cannot be shared.
    """
    optional = {
        name: facts for name, facts in model.model_fields.items() if not facts.is_required()
    }
    made_anew = [name for name, facts in optional.items() if facts.default_factory is not None]
    if made_anew:
        raise TypeError(
            f"{model.__name__} cannot be made unchecked: the default of {', '.join(made_anew)} is "
            "made by a factory; use an immutable default"
        )
    return {name: facts.default for name, facts in optional.items()}


class Template(Generic[Model]):
    """Builds models of one class without a check, at a fifth of the cost of
    `model_construct`.

    A field that is not given has its default, even if it was added to the class later.

    Args:
        model: The class; frozen, without private attributes.
        **fixed: Values that are the same in all instances, replacing defaults.
    """

    __slots__ = ("_given", "_model", "_template")

    def __init__(self, model: type[Model], **fixed: object) -> None:
        self._model = model
        # Every field has a place: pydantic writes fields in the order of these names.
        self._template = dict.fromkeys(model.model_fields) | defaults_of(model) | fixed
        self._given = set(model.model_fields) - set(fixed)

    def __call__(self, **values: object) -> Model:
        """Return a model with these values, each of its final type."""
        made: Model = make(self._model)
        set_values(made, {**self._template, **values})
        set_names(made, self._given)
        set_extra(made, None)
        set_private(made, None)
        return made
