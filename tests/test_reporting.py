"""The figures of a run as programs and people get them."""

from __future__ import annotations

from strop.renderers.story import Figure
from strop.reporting import figures_json, measures, projections
from strop.swarm.figures import MAIN, Caching, Figures, Foreseen

COUNTED = Figures(
    main=3,
    sub=1_197,
    critical=16,
    started=80,
    landed=79,
    most=40,
    seconds=20.0,
    working_seconds=18.04,
    agent_seconds=600.12345,
    call_seconds=500.0,
    queue_seconds=7.00049,
    idle_seconds=0.5,
    caching=(Caching(MAIN, 0, 0), Caching(1, 3_000, 2_000)),
    with_agents=(Foreseen(1, 600.12345), Foreseen(2, 300.0, 2.0004)),
)


def test_programs_get_every_figure_in_seconds_and_shares() -> None:
    """Whole numbers as they are, times to the millisecond, shares as 0 to 1."""
    assert figures_json(COUNTED) == {
        "steps": {"main": 3, "sub": 1_197, "total": 1_200, "critical": 16},
        "parallelism": 75.0,
        "finish_rate": 0.9875,
        "agents_at_once": 40,
        "working_seconds": 18.04,
        "agent_seconds": 600.123,
        "call_seconds": 500.0,
        "queue_seconds": 7.0,
        "idle_seconds": 0.5,
        "cached_share": [
            {"wave": 0, "prompt": 0, "cached": 0, "share": 0.0},
            {"wave": 1, "prompt": 3_000, "cached": 2_000, "share": 0.6667},
        ],
        "with_agents": [
            {"agents": 1, "seconds": 600.123, "speedup": 1.0},
            {"agents": 2, "seconds": 300.0, "speedup": 2.0},
        ],
    }


def test_people_get_them_in_words() -> None:
    """A name, a figure with its unit, and what it means, short enough for a terminal's line."""
    told = {one.name: (one.value, one.note) for one in measures(COUNTED)}
    assert told["steps"] == ("1,200", "3 of planner and verifier, 1,197 of agents")
    assert told["finish rate"] == ("99 %", "79 of 80 tasks landed")
    assert told["in calls"] == ("500.0 s", "all together, 25.0 at once on average")
    assert all(len(one.name) <= 14 and len(one.note) <= 44 for one in measures(COUNTED))


def test_a_prediction_says_what_it_takes_for_granted() -> None:
    """The table of other numbers of agents stands beside what was measured; one row alone is none."""
    agents, cache = projections(COUNTED)
    assert agents.rows == (("1", "600.1", "1.0"), ("2", "300.0", "2.0"))
    assert "the same under any load" in agents.note
    assert "Measured: 18.0 s with at most 40 at once" in agents.note
    assert cache.rows == (("planner, verifier", "0", "0", "0 %"), ("1", "3,000", "2,000", "67 %"))


def test_a_run_that_did_nothing_is_told_without_fault() -> None:
    """No division by nothing, no table over nothing."""
    nothing = Figures(0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (), ())
    assert Figure("in calls", "0.0 s", "all together, 0.0 at once on average") in measures(nothing)
    assert projections(nothing) == ()
