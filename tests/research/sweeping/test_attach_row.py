"""A row of a sweep trades as it ran, and the journal says where it comes from."""

import asyncio

import rbtlive as rbt
from tests.research.sweeping.sweeps import Cross, portal, sweep


def test_a_row_is_attached_with_its_parameters_span_costs_and_provenance(tmp_path):
    bars = portal()
    found = sweep(data=bars, capital_base=50_000)
    row = found.best

    async def trade():
        session = row.attach(
            rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), name="best", journal=tmp_path
        )
        await session.wait()
        return session

    session = asyncio.run(trade())

    again = row.result()
    assert session.result().transactions.equals(again.transactions)
    assert (
        session.result().performance["portfolio_value"].equals(again.performance["portfolio_value"])
    )
    facts = session.engine.journal.header["provenance"]["sweep"]
    assert facts["row"] == row.number
    assert facts["runs"] == 6
    assert facts["strategy"] == "Cross"
    assert facts["data"] == bars.fingerprint()


def test_a_session_of_a_plain_attach_has_no_provenance(tmp_path):
    async def trade():
        session = rbt.attach(
            Cross,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(portal()),
            start="2017-01-12",
            name="plain",
            journal=tmp_path,
        )
        await session.wait()
        return session

    session = asyncio.run(trade())

    assert "provenance" not in session.engine.journal.header
