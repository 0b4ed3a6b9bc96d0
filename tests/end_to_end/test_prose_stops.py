"""What stops a run of prose (a key, a quota, a cap), over real HTTP: files at once, and a way on.

The server's bill is the oracle: what was answered is never paid again, and no cap is passed.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from strop.app import Options, verify_again
from strop.errors import RunStopped, StropError
from strop.testing.wires import CHAT, Asked, Fault, Reply
from strop.types.money import nanos
from strop.types.trial import Outcome

if TYPE_CHECKING:
    from .conftest import Team, Village

pytestmark = pytest.mark.anyio


async def test_a_wrong_key_for_the_workers_ends_the_run_as_partial_and_names_the_way_on(village: Village) -> None:
    """Exit 2, no second try with the same key; with the right one it goes on, and the plan is not paid again."""
    village.bend = lambda asked: Reply(fault=Fault.UNAUTHORIZED) if asked.wire == CHAT else None

    code, out, err = await village.strop("run", "spec.md", "--yes", *village.models)

    run = next((village.folder / "runs").iterdir())
    assert code == 2, out + err
    assert "AuthRefused" in out or "401" in out
    assert f"strop run --resume {run.name}" in out
    refused = [entry for entry in village.server.bill.entries if entry.status == 401]
    assert 1 <= len(refused) <= 20
    village.bend = lambda asked: None
    ended = await village.run(resume=run.name)
    assert ended.turn.outcome is Outcome.PASSED
    assert len([entry for entry in village.server.bill.entries if entry.model == "strong-model" and entry.n == 1]) == 1
    assert village.server.bill.twice == 0


@pytest.mark.parametrize(("fault", "code"), [(Fault.UNAUTHORIZED, 2), (Fault.QUOTA, 3), (Fault.SERVER_ERROR, 3)])
async def test_a_planner_that_cannot_be_asked_stops_the_run_and_it_goes_on_later(
    village: Village, team: Team, fault: Fault, code: int
) -> None:
    """One message with the way on; the same run then has a plan, and is like any other."""
    village.bend = lambda asked: Reply(fault=fault) if "You plan the work" in asked.system else None

    with pytest.raises(StropError, match=r"no plan was made, nothing was run: .*strop run --resume") as stopped:
        await village.run()

    assert stopped.value.exit_code == code
    run = next((village.folder / "runs").iterdir())
    village.bend = lambda asked: None
    ended = await village.run(resume=run.name)
    assert ended.turn.outcome is Outcome.PASSED
    assert team.booked(ended)["nanos"] == village.billed()["nanos"]


async def test_a_run_without_a_plan_goes_on_with_the_models_and_caps_it_began_with(village: Village) -> None:
    """Whom the command line named, and what it allowed, stands on record from the start; other names go before it."""
    village.bend = lambda asked: Reply(fault=Fault.QUOTA) if "You plan the work" in asked.system else None
    with pytest.raises(StropError):
        await village.run(options=replace(village.options, budget={"usd": "3"}))
    run = next((village.folder / "runs").iterdir())
    village.bend = lambda asked: None

    ended = await village.run(resume=run.name, options=Options(verifier="none"))

    plan = ended.turn.run.plan
    assert ended.turn.outcome is Outcome.PASSED
    assert {each.role: each.model for each in plan.bindings} == {"worker": village.worker, "planner": village.strong}
    assert plan.spec.budget.nanos == nanos(3)


async def test_no_money_left_mid_run_leaves_partial_files_and_a_resume_that_pays_nothing_twice(
    village: Village, team: Team
) -> None:
    """The files say what is missing; then they are those of an undisturbed run, and each answer is paid once."""
    whole = team.files_of(await village.run())
    undisturbed = village.billed()
    before = len(village.server.bill.entries)

    def broke(asked: Asked) -> Reply | None:
        return Reply(fault=Fault.QUOTA) if asked.wire == CHAT and "quarter 2" in asked.user else None

    village.bend = broke
    cut = await village.run()
    partial = team.files_of(cut)
    village.bend = lambda asked: None
    ended = await village.run(resume=cut.id)

    assert cut.turn.outcome is Outcome.PARTIAL
    assert "exceeded_current_quota" in cut.turn.run.stopped
    assert {"wells.csv", "survey.pdf", "claims.csv"} <= set(partial)
    found = [row["well"] for row in csv.DictReader(partial["wells.csv"].decode().splitlines())]
    assert set(found) == {f"Well {number:02}" for number in range(1, 19)}, "what the readers found is not lost"
    assert ended.turn.outcome is Outcome.PASSED
    assert team.files_of(ended) == whole
    entries = village.server.bill.entries[before:]
    good = [entry.prompt for entry in entries if entry.status == 200]
    assert len(good) == len(set(good)), "nothing that was answered is asked again"
    assert village.billed(entries)["nanos"] == team.booked(ended)["nanos"]
    # No second skill is described while the first run's waits to be tried: one call to the planner less.
    assert len(good) == undisturbed["calls"] - 1


async def test_no_money_left_while_verifying_stops_with_files_and_goes_on(village: Village, team: Team) -> None:
    """The work is delivered as unverified; on resume only the refuting model is paid."""
    village.bend = lambda asked: Reply(fault=Fault.QUOTA) if "You look for errors" in asked.system else None
    cut = await village.run()
    village.bend = lambda asked: None
    ended = await village.run(resume=cut.id)

    assert cut.turn.outcome is Outcome.PARTIAL
    assert "wells.csv" in team.files_of(cut)
    assert any("the refuting model could not be asked" in line for line in cut.turn.verdict.unchecked)
    assert ended.turn.outcome is Outcome.PASSED
    assert (await verify_again(village.project, ended.folder)).passed, "what the cut run delivered is forgotten"
    good = [entry.prompt for entry in village.server.bill.entries if entry.status == 200]
    assert len(good) == len(set(good))
    assert team.booked(ended)["nanos"] == village.billed()["nanos"]


@pytest.mark.parametrize(
    ("cap", "most"), [("usd", "0.05"), ("usd", "0.20"), ("usd", "0.26"), ("usd", "0.3"), ("tokens", "30k")]
)
async def test_a_cap_is_never_passed(village: Village, team: Team, cap: str, most: str) -> None:
    """Wherever it bites (in planning, at work, at the gate), the bill stays under it and equals what is booked."""
    try:
        ended = await village.run(options=replace(village.options, budget={cap: most}))
    except RunStopped as stopped:
        assert "of $0.0500 spent" in str(stopped)
        assert "--budget usd=" in str(stopped)
    else:
        assert ended.turn.outcome is Outcome.PARTIAL
        assert team.booked(ended) == village.billed()

    bill = village.billed()
    if cap == "usd":
        assert bill["nanos"] <= nanos(most)
    else:
        assert bill["input"] + bill["cached"] + bill["cache_write"] + bill["output"] <= 30_000


async def test_reservations_of_siblings_do_not_end_a_run_that_has_money(village: Village) -> None:
    """Twenty worst cases at once pass the cap, what is really spent stays far below: calls wait, none is refused."""
    ended = await village.run(options=replace(village.options, budget={"usd": "0.5"}))

    assert ended.turn.outcome is Outcome.PASSED
    assert village.billed()["nanos"] < nanos("0.25")
