"""Which units are control units: those that nothing learned reached, whatever run they were part of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, replay_order, run, spec_of
from strop.learning.library import admit, move, put
from strop.learning.scopes import order_class
from strop.types.firsts import Control
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState
from strop.types.trial import Outcome
from strop.types.work import Guidance, Plan

SPEC = """---
deliver:
  - {file: mills.csv, rows: ">= 1", columns: {name: {type: text, quote: true}, founded: {type: integer, quote: true}}}
each: FOLDER/*.txt
readers: 2
---
# Mills
"""
OPTIONS = Options(worker="scripted:script.toml")
Turned = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two mills to learn from under `inputs`, twelve others under `june`."""
    turns: list[str] = []
    for folder, numbers in (("inputs", range(2)), ("june", range(10, 22))):
        (tmp_path / folder).mkdir()
        for n in numbers:
            (tmp_path / folder / f"mill{n}.txt").write_text(f"The Mill {n:02}\nIt was founded in {1700 + n}.\n")
            turns.append(
                f'[[turn]]\nmatch = "Mill {n:02}"\nanswer = {{ name = "The Mill {n:02}", name_at = 1, '
                f"founded = {1700 + n}, founded_at = 2 }}\n"
            )
    (tmp_path / "script.toml").write_text("".join(turns))
    return open_project(tmp_path, environment={})


@pytest.fixture
def turned(project: Project) -> Turned:
    """One turn of the loop on a folder."""

    async def approve(plan: Plan) -> str:
        return "--yes"

    def turn(folder: str = "june", *, order: Order | None = None, resume: str = "", **budget: str) -> Ended:
        made = order or Order(spec_of(SPEC.replace("FOLDER", folder).encode(), name="spec.md"), "spec.md")
        options = Options(worker=OPTIONS.worker, budget=budget)
        return run(execute(project, made, options=options, approve=approve, screen=Screen(), resume=resume))

    return turn


def controls(project: Project, ended: Ended) -> tuple[Control, ...]:
    """Those of one run."""
    found = project.db.firsts.controls(
        order=order_class(ended.turn.run.plan.spec), model=OPTIONS.worker, since="2026-01-01"
    )
    return tuple(each for each in found if each.run == ended.id)


def against(ended: Ended) -> dict[str, dict[str, object] | None]:
    found = ended.more["against_empty"]
    assert isinstance(found, dict)
    return found  # pyright: ignore[reportUnknownVariableType] - what run.json holds


def test_a_first_run_leaves_control_units(project: Project, turned: Turned) -> None:
    """Every unit, with its score and what it cost; a second look at the run adds none."""
    first = turned("inputs")
    found = controls(project, first)
    assert [each.score for each in found] == [1.0, 1.0]
    assert all(each.cost > 0 for each in found)
    project.db.firsts.note_controls(first.id, found)
    assert controls(project, first) == found


def test_units_on_trial_are_left_out_where_something_reached_them(project: Project, turned: Turned) -> None:
    """A candidate is tried on some: the rest are controls. In use, it is left out on some: these are controls."""
    turned("inputs")
    trying = turned()
    tried = len(trying.turn.run.plan.variants[0].pairs)
    assert tried > 0
    assert len(controls(project, trying)) == 12 - tried

    for other in (item for item in project.db.head().items if item.id != "skill/mills"):
        move(project.db, other.id, to=ItemState.RETIRED, why="only one is looked at")
    admit(project.db, "skill/mills", certificates={}, why="by hand", by="user")
    leaving = turned()
    without = len(leaving.turn.run.plan.variants[0].pairs)
    assert len(controls(project, leaving)) == without > 0
    body = against(leaving)
    assert body["with"] is not None
    assert body["without"] is not None
    assert body["with"]["units"] == 12 - without
    assert body["without"]["units"] == 2 + 12 - tried + without


def test_a_replay_is_none_and_its_bare_arm_is(project: Project, turned: Turned) -> None:
    """The skill that was named reached every unit; without the library nothing did."""
    turned("inputs")
    replayed = turned(order=replay_order(project, "mills", inputs="june"))
    assert controls(project, replayed) == ()
    assert against(replayed)["without"] is not None

    order = replay_order(project, "mills", inputs="june")
    bare = turned(order=Order(order.spec, order.path, Guidance(), bare=True, trial=True))
    assert len(controls(project, bare)) == 12
    assert bare.library == ()
    assert project.db.firsts.shares("") == ()


def test_one_agent_and_mishaps_are_no_measure(project: Project, turned: Turned) -> None:
    """A run by one agent leaves none."""
    spec = spec_of(SPEC.replace("FOLDER", "june").encode(), name="spec.md")
    assert controls(project, turned(order=Order(spec, "spec.md", solo=True))) == ()


def test_where_nothing_can_be_proved_nothing_is_measured(project: Project, turned: Turned) -> None:
    """One reader, and no table to recompute from: every score would be 0, of whatever it read."""
    spec = spec_of(SPEC.replace("FOLDER", "june").replace("readers: 2\n", "").encode(), name="spec.md")
    assert controls(project, turned(order=Order(spec, "spec.md"))) == ()


def test_a_run_that_went_on_after_a_stop_leaves_all_of_its_units(project: Project, turned: Turned) -> None:
    """Stopped it leaves none: what it did not come to is no outcome. At its end it leaves every unit, once."""
    first = turned(steps="24")
    cut = turned(tokens="900")
    assert cut.turn.outcome is Outcome.PARTIAL
    assert controls(project, cut) == ()
    ended = turned(resume=cut.id, tokens="2M")
    assert ended.turn.outcome is Outcome.PASSED
    assert len(controls(project, ended)) == len(controls(project, first)) == 12


@pytest.mark.parametrize(
    ("rule", "origin", "bare"),
    [
        (Constraint("h-1", "Founded is a year.", "", CheckKind.HAND), "hand", True),
        (Constraint("c-1", "Founded is a year.", "it was not", CheckKind.PROMPT), "learned", False),
        (
            Constraint("c-1", "founded is a year", "", CheckKind.CHECK, "founded", "range(founded, 1, 3000)"),
            "",
            True,
        ),
    ],
    ids=["a person's line", "a learned line", "a learned check"],
)
def test_what_a_person_wrote_is_part_of_the_order(
    project: Project, turned: Turned, rule: Constraint, origin: str, bare: bool
) -> None:
    """A rule of the user leaves a unit a control unit, and so does a check, which no reader knows; a line does not."""
    if origin == "hand":
        (project.folder / "CONSTRAINTS.md").write_text("# Rules\n\n- Founded is a year.\n")
    else:
        kind = ItemKind.CHECK if rule.check else ItemKind.CONSTRAINT
        put(project.db, project.blobs, [(Item(f"{kind}/{rule.id}", kind, "", ItemState.ACTIVE), rule)])
    assert len(controls(project, turned("inputs"))) == (2 if bare else 0)
