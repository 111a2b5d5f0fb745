"""A saved result comes back digit for digit, and a file that is none says so."""

import io
import json
import math
import zipfile
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rbtlive.core.state.record import SessionRow
from rbtlive.errors import ResultCorrupt, ResultError, ResultVersion
from rbtlive.research import BacktestResult, parity_report
from rbtlive.research.stored_values import decode, encode
from tests.research.builders import equity, run_of, run_with_trades, settings


class Fee:
    """A cost model that a user wrote."""

    def __str__(self):
        return "Fee(1)"


def rewritten(path, name, content):
    """Replace (or with None remove) one member of a saved result."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = content
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            if data is not None:
                archive.writestr(member, data)


def document_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("result.json"))


@pytest.fixture
def saved(tmp_path):
    return BacktestResult(run_with_trades(), context=object()).save(
        tmp_path / "deep" / "run.rbtresult"
    )


def test_a_loaded_result_shows_what_the_saved_one_showed(saved):
    result = BacktestResult(run_with_trades())

    loaded = BacktestResult.load(saved)

    for name in ("performance", "orders", "denied", "transactions", "positions"):
        assert_frame_equal(getattr(loaded, name), getattr(result, name), check_exact=True)
    assert loaded.metrics == result.metrics
    assert repr(loaded) == repr(result)
    assert parity_report(result.record, loaded.record).identical


def test_every_field_of_every_session_comes_back(saved):
    result = BacktestResult(run_with_trades())

    loaded = BacktestResult.load(saved)

    for ours, theirs in zip(result.record.sessions, loaded.record.sessions, strict=True):
        for field in fields(SessionRow):
            if field.name != "orders":
                assert getattr(theirs, field.name) == getattr(ours, field.name), field.name
        assert [(o.id, o.state, o.filled, o.dt) for o in theirs.orders] == [
            (o.id, o.state, o.filled, o.dt) for o in ours.orders
        ]


def test_a_loaded_result_gives_ziplines_frame(saved):
    loaded = BacktestResult.load(saved).to_zipline()

    expected = BacktestResult(run_with_trades()).to_zipline()
    assert loaded.drop(columns=["orders", "transactions", "positions"]).equals(
        expected.drop(columns=["orders", "transactions", "positions"])
    )
    assert loaded["positions"].iloc[3][0]["sid"].symbol == "AAA"
    assert loaded["orders"].iloc[2][0]["filled"] == 4


def test_the_context_is_not_saved(saved):
    assert BacktestResult.load(saved).context is None


def test_digits_beyond_twelve_decimals_survive(tmp_path):
    record = run_with_trades()
    basis = Decimal(1) / Decimal(3)
    third = replace(record.sessions[2].positions[0], cost_basis=basis)
    record.sessions[2] = replace(record.sessions[2], positions=(third,))

    loaded = BacktestResult.load(BacktestResult(record).save(tmp_path / "a"))

    assert loaded.record.sessions[2].positions[0].cost_basis == basis


def test_settings_come_back_and_models_as_their_text(tmp_path):
    record = run_of([10000])
    record.settings = settings(
        commission=Fee(),
        params={"fast": 3, "rate": Decimal("0.1"), "pair": (1, 2)},
        benchmark="SPY",
    )

    loaded = BacktestResult.load(BacktestResult(record).save(tmp_path / "a")).settings

    assert loaded["commission"] == "Fee(1)"
    assert loaded["params"] == {"fast": 3, "rate": Decimal("0.1"), "pair": (1, 2)}
    assert loaded["start"] == date(2012, 2, 1)
    assert loaded["benchmark"] == "SPY"


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, math.inf, "text", "\ud800", [1, [2]], (1, "a"), {"k": 1, 2: [None]}, Decimal("1.10"), date(2012, 1, 3),
     datetime(2012, 1, 3, 21, tzinfo=UTC)],
)  # fmt: skip
def test_a_plain_value_survives_json(value):
    assert decode(json.loads(json.dumps(encode(value), allow_nan=False)), {}) == value


def test_values_of_other_libraries_become_plain():
    asset = equity("BBB", 1)

    assert encode(np.float64(1.5)) == 1.5
    assert encode(np.array([1, 2])) == [1, 2]
    assert encode(pl.Series([1.5])) == [1.5]
    assert math.isnan(decode(encode(math.nan), {}))
    assert decode(encode(asset), {1: asset}) is asset
    assert decode(encode(Fee()), {}) == "Fee(1)"


def test_equal_results_give_equal_files(tmp_path):
    one = BacktestResult(run_with_trades()).save(tmp_path / "one")
    other = BacktestResult(run_with_trades()).save(tmp_path / "other")

    assert one.read_bytes() == other.read_bytes()


def test_the_file_holds_tables_and_a_document_only(saved):
    with zipfile.ZipFile(saved) as archive:
        names = archive.namelist()

    assert {name.rsplit(".")[-1] for name in names} == {"json", "parquet"}


def test_saving_replaces_what_was_there_and_leaves_no_half_file(saved):
    BacktestResult(run_of([10000])).save(saved)

    assert len(BacktestResult.load(saved).performance) == 1
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_folder_is_no_place_for_a_result(tmp_path):
    with pytest.raises(ResultError, match="is a folder; name a file in it"):
        BacktestResult(run_of([10000])).save(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")

    with pytest.raises(ResultError, match="could not be saved to"):
        BacktestResult(run_of([10000])).save(blocked / "run")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"no saved result at .*nothing"):
        BacktestResult.load(tmp_path / "nothing")


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")

    with pytest.raises(ResultError, match="is not a saved result"):
        BacktestResult.load(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "hello")

    with pytest.raises(ResultError, match=r"holds no result\.json"):
        BacktestResult.load(path)


def test_a_document_of_another_format_is_refused(saved):
    rewritten(saved, "result.json", json.dumps({"format": "other"}).encode())

    with pytest.raises(ResultError, match="its format is not"):
        BacktestResult.load(saved)


def test_another_version_is_refused_by_name(saved):
    document = document_of(saved)
    rewritten(saved, "result.json", json.dumps(document | {"version": 99}).encode())

    with pytest.raises(ResultVersion, match="has format version 99: this rbtlive reads versions 1"):
        BacktestResult.load(saved)


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000])
def test_a_document_that_is_no_json_is_damage(saved, content):
    rewritten(saved, "result.json", content)

    with pytest.raises(ResultCorrupt, match=r"result\.json cannot be read"):
        BacktestResult.load(saved)


def test_a_table_that_is_no_parquet_is_damage(saved):
    rewritten(saved, "orders.parquet", b"PAR1 nothing")

    with pytest.raises(ResultCorrupt, match=r"orders\.parquet is not a Parquet table"):
        BacktestResult.load(saved)


def test_a_table_without_a_column_is_damage(saved):
    buffer = io.BytesIO()
    pl.DataFrame({"label": [date(2012, 2, 1)]}).write_parquet(buffer)
    rewritten(saved, "sessions.parquet", buffer.getvalue())

    with pytest.raises(ResultCorrupt, match="do not fit together"):
        BacktestResult.load(saved)


@pytest.mark.parametrize("key", ["settings", "assets", "recorded", "transactions", "strategy_name"])
def test_a_document_without_a_part_is_damage(saved, key):
    document = document_of(saved)
    del document[key]
    rewritten(saved, "result.json", json.dumps(document).encode())

    with pytest.raises(ResultCorrupt):
        BacktestResult.load(saved)


def test_flipped_bytes_are_damage(saved):
    data = bytearray(saved.read_bytes())
    data[data.index(b"PAR1") + 30] ^= 0xFF
    saved.write_bytes(bytes(data))

    with pytest.raises(ResultCorrupt, match="is damaged"):
        BacktestResult.load(saved)


def test_a_value_that_names_code_stays_text(saved):
    document = document_of(saved)
    document["recorded"][0] = [["x", {"text": "__import__('os').abort()"}]]
    rewritten(saved, "result.json", json.dumps(document).encode())

    assert BacktestResult.load(saved).record.sessions[0].recorded == {
        "x": "__import__('os').abort()"
    }


def test_an_unknown_tag_is_damage(saved):
    document = document_of(saved)
    document["recorded"][0] = [["x", {"pickle": "gASVBQ=="}]]
    rewritten(saved, "result.json", json.dumps(document).encode())

    with pytest.raises(ResultCorrupt, match="the tag of a value"):
        BacktestResult.load(saved)
