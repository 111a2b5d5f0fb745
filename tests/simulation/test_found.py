"""What once went wrong in a simulated world, each with the faults that it took."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache

import pytest

from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.engine.breakers import Breakers, BreakerWatch
from tests.simulation.faults import Fault
from tests.simulation.strategies import KINDS
from tests.simulation.venue import Venue
from tests.simulation.world import Scenario, World, run, scenario_of

QUOTES = Scenario(seed=0, strategy="Quotes")
STEADY = Scenario(seed=0, strategy="Steady")


def world_of(scenario, *faults, **facts):
    """Run a world with these faults and return it."""
    world = World(replace(scenario, faults=faults, **facts))
    world.run()
    return world


@pytest.mark.parametrize("what", ["reset before", "server error", "lost", "refused"])
def test_a_cancel_that_fails_is_asked_for_again_and_a_replay_knows_it(what):
    world = world_of(QUOTES, *(Fault("cancel", number, what) for number in range(1, 8)))

    assert world.outcome.wrong == []
    assert world.outcome.struck[f"cancel: {what}"] == 7


def test_a_refused_cancel_does_not_end_the_order_here():
    world = world_of(QUOTES, *(Fault("cancel", number, "refused") for number in range(1, 200)))

    orders = list(world.process.engine.core.state.orders)
    assert world.outcome.wrong == []
    assert not [order.id for order in orders if order.reason == "not now"]
    assert OrderState.CANCELED in {order.state for order in orders}


@pytest.mark.parametrize(("number", "order_id"), [(4, 1), (7, 3), (10, 4), (14, 6), (19, 10)])
def test_a_cancel_that_was_written_and_never_sent_is_sent_after_a_restart(number, order_id):
    world = world_of(QUOTES, Fault("before send", number, "kill", 3.0))

    resting = world.venue.book[f"SIMULATE-{order_id}"]
    assert world.outcome.wrong == []
    assert resting.state is OrderState.CANCELED
    assert resting.updated_at - resting.placed_at < timedelta(minutes=2, seconds=10)


def test_what_was_sent_before_a_restart_may_arrive_after_it_and_is_not_rejected_then():
    late, killed = Fault("submit", 1, "late", 8.0), Fault("time", 62, "killed", 2.0)

    world = world_of(STEADY, late, killed, latency_s=0.4)

    assert world.outcome.wrong == []
    assert world.venue.repeats == {"SIMULATE-1": 1}
    assert world.process.engine.core.state.orders.get_order("1").state is OrderState.FILLED


@pytest.mark.parametrize("poll_s", [2.0, 9.0])
def test_an_order_that_arrives_after_it_was_given_up_is_cancelled_and_its_fills_are_booked(poll_s):
    world = world_of(STEADY, Fault("submit", 1, "late", 59.0), poll_s=poll_s)

    order = world.process.engine.core.state.orders.get_order("1")
    assert world.outcome.wrong == []
    assert order.reason == "never arrived"
    assert world.venue.book["SIMULATE-1"].filled == order.filled
    assert world.venue.book["SIMULATE-1"].state in {OrderState.CANCELED, OrderState.FILLED}


def test_a_fill_between_two_questions_does_not_keep_a_session_from_starting():
    world = world_of(STEADY, Fault("time", 122, "killed", 1.3), latency_s=0.4)

    assert world.outcome.wrong == []
    assert world.outcome.starts == 2


def test_a_feed_that_falls_silent_halts_trading_although_the_clock_closes_its_slices():
    outcome = world_of(STEADY, Fault("time", 100, "bars fall silent", 240.0)).outcome

    assert outcome.wrong == []
    assert outcome.figures["halts"] == 1


def test_a_feed_that_is_silent_from_the_start_of_a_process_is_noticed():
    silent, killed = (
        Fault("time", 100, "bars fall silent", 240.0),
        Fault("time", 110, "killed", 2.0),
    )

    outcome = world_of(STEADY, silent, killed).outcome

    assert outcome.wrong == []
    assert outcome.figures["halts"] == 1


@cache
def unbroken_of(*, whole_slices):
    """Return what becomes of the steady world when nothing goes wrong."""
    return run(replace(STEADY, whole_slices=whole_slices))


@pytest.mark.parametrize("what", ["clock jumps", "clock jumps back"])
@pytest.mark.parametrize("jump_s", [45.0, 300.0])
@pytest.mark.parametrize("whole_slices", [True, False])
def test_a_jump_of_the_wall_clock_costs_no_bar_and_halts_nothing(what, jump_s, whole_slices):
    outcome = world_of(STEADY, Fault("time", 100, what, jump_s), whole_slices=whole_slices).outcome

    assert outcome.wrong == []
    assert outcome.figures["halts"] == 0
    unbroken = unbroken_of(whole_slices=whole_slices)
    assert outcome.orders == unbroken.orders
    if whole_slices or what == "clock jumps":
        assert outcome.cash == unbroken.cash
    # A clock that was set back closes no slice: what is given bar by bar is over with
    # the next minute's, and fills later.


@pytest.mark.parametrize("what", ["clock jumps", "clock jumps back"])
@pytest.mark.parametrize("jump_s", [3_600.0, 86_400.0, 31_622_400.0])
def test_a_feed_that_falls_silent_after_a_jump_of_the_clock_is_noticed(what, jump_s):
    jump, silent = Fault("time", 100, what, jump_s), Fault("time", 270, "bars fall silent", 240.0)

    outcome = world_of(STEADY, jump, silent).outcome

    assert outcome.wrong == []
    assert outcome.figures["halts"] == 1


def test_a_clock_set_back_before_the_first_bar_begins_no_earlier():
    back = Fault("time", 2, "clock jumps back", 35.0)

    world = world_of(STEADY, back, manner="revised", whole_slices=False)

    assert world.outcome.wrong == []


def test_a_clock_set_back_over_midnight_enters_no_session_twice():
    back, killed = Fault("time", 365, "clock jumps back", 90.0), Fault("time", 366, "killed", 1.0)

    assert world_of(STEADY, back, killed).outcome.wrong == []


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize("strategy", ["Steady", "Reacting"])
def test_numbers_of_orders_that_a_torn_journal_lost_are_not_given_again(number, strategy):
    world = world_of(replace(STEADY, strategy=strategy), Fault("after send", number, "tear", 3.0))

    assert world.outcome.wrong == []
    assert (
        world.venue.repeats.total() <= 1
    )  # the last intent may come back as it was, under its own id


class Generous(Venue):
    """A venue whose stream tells of executions that its books do not have."""

    def _tell(self, order, **fill):
        super()._tell(order, **fill)
        if fill:
            super()._tell(order, **{**fill, "execution_id": fill["execution_id"] + "again"})


class GenerousWorld(World):
    venue_type = Generous

    def note_booking(self, event):
        """Time nothing: the books do not have every execution."""


def test_executions_that_the_books_of_the_venue_do_not_have_halt_trading_and_end_no_run():
    world = GenerousWorld(STEADY)
    world.run()

    engine = world.process.engine
    assert world.outcome.starts == 1
    assert any(
        "halted without a cause: reconciliation" in sentence for sentence in world.outcome.wrong
    )
    assert any(
        "fills more than was ordered" in row.payload
        for row in rows(world)
        if row.type == "SystemErrorEvent"
    )
    assert engine.core.state.portfolio.conservation_error() == 0
    assert all(abs(order.filled) <= abs(order.amount) for order in engine.core.state.orders)


def rows(world):
    """Return the rows of a world's journal."""
    journal = world.disk.open(dict, clock=world.clock, reached=lambda _point: None)
    found = list(journal.rows())
    journal.close()
    return found


def test_a_restart_within_a_session_forgets_no_loss_of_the_day():
    losses = {}
    for strategy in KINDS:
        core = world_of(replace(STEADY, strategy=strategy)).process.engine.core
        core.state.marks.mark()
        losses[strategy] = (
            core.state.record.sessions[-1].portfolio_value - core.state.portfolio.portfolio_value
        )
        if losses[strategy] > 0:
            half, twice = (
                BreakerWatch(Breakers(max_daily_loss=float(losses[strategy]) * part))
                for part in (0.5, 2)
            )
            assert half.check(core).name == "daily loss"
            assert twice.check(core) is None

    assert max(losses.values()) > 0


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("at_s", [190, 250, 400])
def test_a_trade_by_hand_is_left_outside_also_if_the_session_was_away(at_s, away):
    absence = [Fault("time", at_s - 5, "killed", 60.0)] if away else []

    world = world_of(STEADY, *absence, Fault("time", at_s, "foreign trade", 3.0))

    assert world.outcome.wrong == []
    assert world.venue.by_hand != {}


@pytest.mark.parametrize("strategy", ["Quotes", "Reacting"])
@pytest.mark.parametrize("away", [True, False])
def test_what_was_bought_by_hand_before_the_run_went_short_is_left_outside(strategy, away):
    absence = [Fault("time", 90, "absence", 170.898)] if away else []

    world = world_of(
        replace(QUOTES, strategy=strategy), *absence, Fault("time", 134, "foreign trade", 8.0)
    )

    assert world.venue.by_hand == {"BBB": 8}
    assert (world.outcome.wrong, world.outcome.figures["halts"]) == ([], 0)


def test_what_was_held_outside_is_sold_by_hand_while_the_run_is_short():
    scenario = scenario_of(800028)
    kept = [f for f in scenario.faults if (f.what, f.number) != ("absence", 194)]

    world = world_of(scenario, *kept)  # away so early, the run would not be short yet

    assert len(kept) == len(scenario.faults) - 1
    assert world.outcome.wrong == []
    assert world.venue.by_hand == {"AAA": -9}


def test_a_trade_by_hand_in_what_the_run_trades_only_later_is_explained_once():
    scenario = scenario_of(30)
    kept = [f for f in scenario.faults if f.what in {"foreign trade", "absence"}]

    world = world_of(scenario, *kept)

    assert len(kept) == 4
    assert world.outcome.wrong == []


@pytest.mark.parametrize("seed", [36, 121, 210])
def test_an_order_that_was_replaced_and_filled_while_away_has_its_new_amount(seed):
    scenario = scenario_of(seed)
    kept = [f for f in scenario.faults if f.what in {"order is replaced", "absence"}]

    world = world_of(scenario, *kept)

    assert world.outcome.wrong == []
    assert world.venue.replaced


@pytest.mark.parametrize(("seed", "what"), [(26, "dividend"), (28, "fee")])
def test_cash_of_somebody_else_is_no_cash_that_nothing_explains(seed, what):
    scenario = scenario_of(seed)
    kept = [f for f in scenario.faults if f.what in {what, "absence"}]

    world = world_of(scenario, *kept)

    assert world.outcome.wrong == []
    assert len(world.venue.paid) == 1


def test_a_request_that_was_one_too_many_is_sent_again_under_its_id():
    faults = [Fault("submit", number, "too many", 3.0) for number in range(1, 12)]

    world = world_of(STEADY, *faults)

    assert world.outcome.wrong == []
    assert world.outcome.struck["submit: too many"] == 11
    assert world.venue.repeats == {}
    assert world.outcome.lost == []


def test_what_fills_after_a_split_while_the_session_is_away_is_booked_after_the_split():
    scenario = scenario_of(699)
    kept = [f for f in scenario.faults if f.what == "absence"]

    world = world_of(scenario, *kept)

    assert scenario.night.ratio == Decimal("0.25")
    assert (world.outcome.wrong, world.outcome.figures["halts"]) == ([], 0)


def test_what_is_outside_is_split_though_shares_come_while_a_process_first_looks():
    scenario = scenario_of(1384)
    kept = [f for f in scenario.faults if f.what == "absence"]

    world = world_of(scenario, *kept)

    assert (world.outcome.wrong, world.outcome.figures["halts"]) == ([], 0)
    assert world.venue.before["AAA"] == 200


def test_a_reverse_split_of_a_short_beside_shares_outside_halts_nothing():
    world = world_of(scenario_of(7330063), Fault("time", 19, "absence", 269.388))

    assert (world.outcome.wrong, world.outcome.figures["halts"]) == ([], 0)
    assert world.venue.before["AAA"] == 49


def test_what_a_torn_journal_lost_is_not_followed_between_a_split_and_its_session():
    world = world_of(scenario_of(7320060), Fault("in snapshot", 1, "tear", 31.648))

    assert world.outcome.wrong == []
    followed = [row for row in rows(world) if row.type == "PositionAdjustmentEvent"]
    assert [row.data()["amount"] for row in followed] == ["80"]


@pytest.mark.parametrize("seed", [52, 874])
def test_a_trade_by_hand_between_a_split_and_its_session_is_judged_in_that_session(seed):
    scenario = scenario_of(seed)
    kept = [f for f in scenario.faults if f.what == "foreign trade"]

    world = world_of(scenario, *kept)

    assert (world.outcome.wrong, world.outcome.figures["halts"]) == ([], 0)
    assert world.venue.by_hand


def test_a_dividend_of_shares_outside_stays_outside_when_a_restart_tells_it_again():
    """The run has bought the same asset since."""
    scenario = scenario_of(800241)

    world = world_of(scenario, *scenario.faults)

    assert world.outcome.wrong == []
    booked = [row.data() for row in rows(world) if row.type == "CashAdjustmentEvent"]
    assert [one["activity_id"] for one in booked] == ["a6"]


def test_journals_of_odd_seeds_are_packed_while_their_worlds_go_wrong():
    world = world_of(scenario_of(13), *scenario_of(13).faults)

    assert world.outcome.wrong == []
    assert world.outcome.figures["packed"] > 3
