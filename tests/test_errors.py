"""The exception tree is what its docstring draws, and its messages can be given or read
from facts.
"""

import inspect
import pathlib
import pickle
import queue
import re

import pytest

from rbtlive import errors


def drawn_tree() -> dict[str, set[str]]:
    """Return class name -> names of its parents, as the module's docstring draws them."""
    parents: dict[str, set[str]] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if not (
            match := re.match(
                r"^((?:│   |    )*(?:├── |└── )?)([A-Z]\w*\*?(?:, [A-Z]\w*\*?)*)$", line
            )
        ):
            continue
        depth = len(match[1]) // 4
        names = match[2].replace("*", "").split(", ")
        for name in names:
            parents.setdefault(name, set()).update(path[depth - 1 : depth])
        path[depth:] = names[-1:]
    return parents


def real_tree() -> dict[str, set[str]]:
    """Return the same, as the classes have it."""
    ours = {
        name: cls
        for name, cls in vars(errors).items()
        if inspect.isclass(cls) and issubclass(cls, (errors.RbtliveError, errors.RbtliveWarning))
    }
    return {
        name: {base.__name__ for base in cls.__bases__ if base in ours.values()}
        for name, cls in ours.items()
    }


def test_the_docstring_draws_exactly_the_classes_that_exist() -> None:
    assert drawn_tree() == real_tree()


def test_every_class_that_is_not_marked_is_used_by_the_package() -> None:
    """A name that nothing raises would catch nothing."""
    folder = pathlib.Path(errors.__file__).parents[1]
    used = set()
    for path in folder.rglob("*.py"):
        if path.parent.name != "errors":
            used |= set(re.findall(r"[A-Z]\w+", path.read_text(encoding="utf-8")))
    marked = set(re.findall(r"([A-Z]\w*)\*", errors.__doc__ or ""))
    parents = set().union(*drawn_tree().values())

    assert set(drawn_tree()) - marked - parents - used == set()


def test_a_message_is_shown_as_it_was_given() -> None:
    error = errors.BadOrderParameters("limit_price must be finite: was nan for AAPL in order()")

    assert str(error) == error.message == "limit_price must be finite: was nan for AAPL in order()"


def test_keyword_facts_become_a_sentence_behind_the_meaning_of_the_class() -> None:
    error = errors.SymbolNotFound(symbol="APPL")

    assert str(error) == "No asset has this symbol: symbol was APPL"
    assert error.kwargs == {"symbol": "APPL"}


def test_the_keyword_msg_alone_is_the_message() -> None:
    assert (
        str(errors.CannotOrderDelistedAsset(msg="FB is not listed yet")) == "FB is not listed yet"
    )


def test_an_error_without_facts_says_what_its_class_means() -> None:
    assert (
        str(errors.OrderInBeforeTradingStart())
        == "Orders cannot be placed inside before_trading_start"
    )


def test_a_subclass_with_a_template_has_its_facts_put_into_it() -> None:
    class NoLuck(errors.ZiplineError):
        msg = "no luck with {asset}"

    assert str(NoLuck(asset="FB")) == "no luck with FB"


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.DataError, ValueError),
        (errors.SettingsError, ValueError),
        (errors.UnknownSymbol, errors.SymbolNotFound),
        (errors.UnknownCalendar, errors.InvalidCalendarName),
        (errors.QueueFull, queue.Full),
        (errors.QueueEmpty, queue.Empty),
        (errors.NotBuilt, NotImplementedError),
        (errors.MissingExtra, ImportError),
        (errors.NoSuchPipeline, KeyError),
    ],
)
def test_an_except_clause_for_the_usual_class_catches_ours(
    cls: type[Exception], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin) as caught:
        raise cls("why and what to do")

    assert str(caught.value) == "why and what to do"


@pytest.mark.parametrize(
    "cls", [errors.TradingControlViolation, errors.WindowLengthTooLong, errors.InvalidPrice]
)
def test_an_error_survives_pickling(cls: type[errors.RbtliveError]) -> None:
    error = pickle.loads(pickle.dumps(cls("said so")))

    assert type(error) is cls
    assert str(error) == "said so"
