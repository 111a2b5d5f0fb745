"""`import rbtlive` is quick because heavy packages are imported where they are used."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

import rbtlive
from rbtlive.core.shown.bar_data import BarData

HEAVY = (
    "IPython",
    "anywidget",
    "empyrical",
    "exchange_calendars",
    "ipywidgets",
    "pandas",
    "plotly",
    "scipy",
)


@cache
def modules_after(statement: str) -> frozenset[str]:
    """Return what is loaded after a statement in a fresh interpreter."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return frozenset(done.stdout.split())


def loaded(statement: str, packages: tuple[str, ...] = HEAVY) -> list[str]:
    """Return which of the packages a statement loads in a fresh interpreter."""
    return sorted(modules_after(statement) & set(packages))


def test_the_import_loads_no_heavy_package():
    assert loaded("import rbtlive, rbtlive.api, rbtlive.errors") == []


def test_the_import_loads_what_a_first_run_needs():
    """A run's time is the run's: no module is left to load within it."""
    modules = ("polars", "rbtlive.data.forked_polars", "rbtlive.research.backtesting")
    assert loaded("import rbtlive", modules) == sorted(modules)


def test_each_layer_is_an_attribute_of_the_package_as_it_is_imported():
    folders = [one.parent.name for one in Path(rbtlive.__file__).parent.glob("*/__init__.py")]
    script = f"import rbtlive as rbt\nprint(*(getattr(rbt, n).__name__ for n in {folders!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == [f"rbtlive.{name}" for name in folders]


def test_numpy_waits_for_the_first_array():
    assert loaded("import rbtlive, rbtlive.api, rbtlive.errors", ("numpy",)) == []
    assert loaded("import rbtlive.model.arrays as a; a.np.zeros(1)", ("numpy",)) == ["numpy"]


def test_ziplines_modules_are_attributes_that_are_loaded_at_first_use():
    script = (
        "import sys, rbtlive as rbt\n"
        "assert 'rbtlive.pipeline' not in sys.modules\n"
        "print(rbt.api.commission.PerShare.__name__, rbt.pipeline.Pipeline.__name__,\n"
        "      rbt.protocol.__name__, rbt.assets.__name__, rbt.utils.__name__, 'api' in dir(rbt))\n"
        "try:\n    rbt.backtset\n"
        "except AttributeError as error:\n    print(error, error.obj is rbt)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.splitlines() == [
        "PerShare Pipeline rbtlive.protocol rbtlive.assets rbtlive.utils True",
        "module 'rbtlive' has no attribute 'backtset': did you mean 'backtest'? False",
    ]


def test_every_name_of_numpy_is_there_whichever_is_used_first():
    script = (
        "from rbtlive.model.arrays import np\n"
        "first = np.linalg\n"
        "import numpy\n"
        "assert first is numpy.linalg and np.random is numpy.random\n"
        "assert all(getattr(np, name) is getattr(numpy, name) for name in numpy.__all__)\n"
        "try:\n    np.no_such_name\n"
        "except AttributeError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "module 'numpy' has no attribute 'no_such_name'"


def test_annotations_of_arrays_are_numpys_own_types():
    assert get_type_hints(BarData.window)["return"] == NDArray[np.float64]


def backtested(**settings: object) -> str:
    """Return statements that run a short backtest."""
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    return (
        "import rbtlive as rbt\n"
        "hold = {'handle_data': lambda context, data: context.order(context.symbol('IBM'), 1)}\n"
        "rbt.backtest(hold, rbt.load_sample('us-daily'), start='2005-01-03', "
        f"end='2005-01-07'{given}).performance"
    )


def test_a_backtest_with_polars_frames_loads_no_heavy_package():
    assert loaded(backtested()) == []


def test_what_draws_the_progress_bar_is_loaded_only_to_be_shown():
    assert loaded(backtested(), ("tqdm",)) == []
    assert loaded(backtested(progress=True), ("tqdm",)) == ["tqdm"]


@pytest.mark.parametrize("name", ["exchange_calendars", "pandas", "plotly"])
def test_a_heavy_package_that_is_loaded_is_found(name):
    assert name in loaded("import exchange_calendars, pandas, plotly")
    assert name not in loaded("import rbtlive, rbtlive.api, rbtlive.errors", (name,))
