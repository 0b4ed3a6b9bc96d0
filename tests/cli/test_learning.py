"""`strop skills test` and `strop learn` as a person types them: two arms, pairs, a decision, and what was lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from strop.app.project import open_project, state_of
from strop.learning.library import skills
from strop.testing.server import TestServer
from strop.testing.wires import Asked, Reply
from strop.types.evidence import Pair
from strop.types.memory import Item

from .conftest import SCRIPTED, Strop
from .test_processes import ended

TEST = ("skills", "test", "places", "--inputs", "june")

PRICED = """
[learning]
usd = 0.5
[models.house]
id = "house"
wire = "openai"
base_url = "{url}"
auth = "none"
window = 32000
output = 2000
price = {{ input = "0.20", output = "0.60" }}
"""


@pytest.fixture
def taught(strop: Strop, project: Path) -> Path:
    """The project after a run that left the skill `places`, and a folder of two other documents."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    documents(project / "june", 2)
    script = "".join(
        f'[[turn]]\nmatch = "Mill {n:02}"\nanswer = {{ name = "The Mill {n:02}", name_at = 1, founded = {1700 + n}, '
        "founded_at = 2 }\n"
        for n in range(30)
    )
    with (project / "script.toml").open("a") as file:
        file.write(script)
    return project


def documents(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for n in range(count):
        (folder / f"mill{n}.txt").write_text(f"The Mill {n:02}\nIt was founded in {1700 + n}.\n")


def runs(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "runs").iterdir())


def pairs(project: Path) -> tuple[Pair, ...]:
    opened = open_project(project)
    item = held(project)
    return opened.db.pairs(item.id, version=item.digest)


def everything(project: Path) -> dict[str, tuple[Pair, ...]]:
    """All evidence of all items."""
    opened = open_project(project)
    return {item.id: opened.db.pairs(item.id, version=item.digest) for item in opened.db.head().items}


def held(project: Path) -> Item:
    """The skill `places`."""
    item = open_project(project).db.head().item("skill/places")
    assert item is not None
    return item


def lost(project: Path) -> None:
    """The library and its projections are gone; the runs are there."""
    (project / ".strop" / "project.db").unlink()
    shutil.rmtree(project / ".agents")


def test_a_skill_is_measured_in_two_approved_arms(strop: Strop, taught: Path) -> None:
    """Nothing is read before a person has approved; then both arms are, the pairs are kept, and the word is said."""
    before = runs(taught)
    refused = strop(*TEST, "--worker", SCRIPTED[1])
    assert (refused.code, runs(taught)) == (4, before)
    assert "strop skills test places --inputs june --yes" in refused.err

    told = strop(*TEST, *SCRIPTED)
    assert told.code == 0
    assert told.err.count("1  Scope") == 2
    assert len(pairs(taught)) == 2
    for line in ("2: 0 won, 0 lost, 2 even", "not admitted yet", "118 planned pairs are left", "keeps its evidence"):
        assert line in told.out, line


def test_what_was_compared_is_not_counted_twice(strop: Strop, taught: Path) -> None:
    """A second trial on the same inputs adds nothing: of an input the first pair stays."""
    assert strop(*TEST, *SCRIPTED).code == 0
    kept = pairs(taught)
    body = orjson.loads(strop(*TEST, *SCRIPTED, "--json").out)
    assert pairs(taught) == kept
    assert body["certificate"]["cases"] == 2
    assert (body["before"], body["state"]) == ("candidate", "candidate")
    assert body["manifest"]["before"] == body["manifest"]["after"]
    assert {body["with_it"], body["without"]} == set(runs(taught)[-2:])


def test_no_evidence_comes_from_what_a_skill_was_made_of(strop: Strop, taught: Path) -> None:
    """Exit 2, and no pair."""
    told = strop("skills", "test", "places", "--inputs", "inputs", *SCRIPTED)
    assert told.code == 2
    assert "made from every input of inputs" in told.err
    assert pairs(taught) == ()


def test_what_cannot_be_measured_is_refused(strop: Strop, taught: Path) -> None:
    """No such skill, no such folder, a skill out of use, a cap that is none: exit 2 and no run."""
    before = runs(taught)
    assert strop("skills", "test", "nothing", "--inputs", "june", *SCRIPTED).code == 2
    assert strop("skills", "test", "places", "--inputs", "nowhere", *SCRIPTED).code == 2
    assert strop(*TEST, *SCRIPTED, "--budget", "usd").code == 2
    assert strop("skills", "retire", "places").code == 0
    told = strop(*TEST, *SCRIPTED)
    assert (told.code, runs(taught)) == (2, before)
    assert "strop skills approve places" in told.err


def test_an_arm_that_was_stopped_is_no_evidence(strop: Strop, taught: Path) -> None:
    """Exit 3; nothing of it counts, and learning has had its own cap."""
    (taught / "stopped.toml").write_text('[[turn]]\nfailure = "QuotaExhausted"\n')
    told = strop(*TEST, "--worker", "scripted:stopped.toml", "--yes")
    assert (told.code, pairs(taught)) == (3, ())
    assert "so there is nothing to compare" in told.err
    assert state_of(taught / "runs" / runs(taught)[-1]).budget.nanos == 10**9


def reader(*, better_when_shown: bool) -> Callable[[Asked], Reply]:
    """A model that reads the year wrong, unless it is shown worked examples; or the other way round."""

    def answer(asked: Asked) -> Reply:
        text = asked.turns[-1][1]
        shown = sum(role == "assistant" for role, _ in asked.turns) > 0
        if "Harbour" in text or "Library" in text:
            name, year = ("The Old Harbour", 1642) if "Harbour" in text else ("The City Library", 1834)
        else:
            number = int(text.split("Mill ")[1][:2])
            name, year = f"The Mill {number:02}", 1700 + number if shown is better_when_shown else 1
        said = {"name": name, "name_at": 1, "founded": year, "founded_at": 2}
        return Reply(orjson.dumps(said).decode())

    return answer


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("better", "files", "state", "said"),
    [(True, 20, "probation", "is admitted (probation)"), (False, 6, "quarantine", "is in quarantine")],
)
async def test_admission_decides_on_what_was_read(
    project: Path, better: bool, files: int, state: str, said: str
) -> None:
    """A skill under which every page is read better comes into use; one under which they are read worse is put away."""
    documents(project / "june", files)
    async with TestServer(reader(better_when_shown=better)) as server:
        worker = ("--worker", f"openai:{server.chat_url}#m", "--yes")
        assert (await ended("run", "spec.md", *worker)).code == 0
        told = await ended(*TEST, *worker)
        assert told.code == 0, told.err
        assert said in told.out
        shown = orjson.loads((await ended("skills", "--json")).out)["skills"]
        assert [row["state"] for row in shown] == [state]
        again = await ended(*TEST, *worker)
        assert again.code == (0 if better else 2)


@pytest.mark.anyio
async def test_both_arms_share_one_cap(project: Path) -> None:
    """What the first has spent, the second may not spend again."""
    documents(project / "june", 2)
    async with TestServer(reader(better_when_shown=True)) as server:
        (project / "strop.toml").write_text(PRICED.format(url=server.chat_url))
        worker = ("--worker", "house", "--yes")
        assert (await ended("run", "spec.md", *worker)).code == 0
        told = await ended(*TEST, *worker, "--json")
        assert told.code == 0, told.err
        body = orjson.loads(told.out)
        without, with_it = (state_of(project / "runs" / body[arm]) for arm in ("without", "with_it"))
        spent = without.run().tally.nanos
        assert spent > 0
        assert (without.budget.nanos, with_it.budget.nanos) == (500_000_000, 500_000_000 - spent)


# ---------------------------------------------------------------- learn


def test_lessons_that_were_lost_are_drawn_again_from_the_record(strop: Strop, taught: Path) -> None:
    """The very same skill as before, byte for byte; and once it is there, nothing is drawn a second time."""
    before = held(taught)
    lost(taught)
    (name,) = runs(taught)
    told = strop("learn", name)
    assert told.code == 0
    assert "skill/places is in the library now, as candidate" in told.out
    assert "Library: 1 change; undo with: strop skills rollback" in told.out
    again = held(taught)
    assert (again.digest, again.inputs, again.cites) == (before.digest, before.inputs, before.cites)
    second = orjson.loads(strop("learn", name, "--json").out)
    assert (second["items"], second["manifest"]["before"]) == ([], second["manifest"]["after"])
    assert "put into the library before" in second["notes"][0]


def test_a_skill_that_a_person_took_back_does_not_come_again(strop: Strop, taught: Path) -> None:
    """A rollback of what a run taught is a person's word."""
    (name,) = runs(taught)
    assert strop("skills", "rollback").code == 0
    assert strop("learn", name).code == 0
    assert skills(open_project(taught).db) == ()


def test_the_evidence_of_a_wave_is_drawn_again(strop: Strop, taught: Path) -> None:
    """The pairs that a run's own experiment made come back as they were, its day and its scores included."""
    documents(taught / "inputs", 20)
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    assert pairs(taught), "something was tried"
    before = everything(taught)
    lost(taught)
    first, second = runs(taught)
    assert strop("learn", first).code == 0
    assert pairs(taught) == ()
    drawn = sum(map(len, everything(taught).values()))
    told = strop("learn", second, "--json")
    assert told.code == 0, told.err
    assert everything(taught) == before
    assert orjson.loads(told.out)["pairs"] == sum(map(len, before.values())) - drawn


def test_a_replay_gets_its_control_arm_once(strop: Strop, taught: Path) -> None:
    """The same inputs without the library, asked for first, compared, and not read again."""
    assert strop("replay", "places", "--inputs", "june", *SCRIPTED).code == 0
    replayed = runs(taught)[-1]
    waits = strop("learn", replayed)
    assert (waits.code, len(runs(taught))) == (4, 2)
    assert f"strop learn {replayed} --yes" in waits.err
    told = strop("learn", replayed, "--yes")
    assert told.code == 0, told.err
    assert "skill/places is not admitted yet" in told.out
    control = runs(taught)[-1]
    state = state_of(taught / "runs" / control)
    assert state.plan is not None
    assert state.plan.guidance.exemplars == ()
    assert {pair.run for pair in pairs(taught)} == {replayed}
    again = strop("learn", replayed, "--yes")
    assert (again.code, runs(taught)[-1]) == (0, control)
    assert "No control arm" in again.out
    assert strop("learn", control, "--yes").code == 2


def test_the_skill_of_a_run_is_measured_on_named_inputs(strop: Strop, taught: Path) -> None:
    """`--inputs` has both arms read a folder."""
    (name,) = runs(taught)
    told = orjson.loads(strop("learn", name, "--inputs", "june", "--yes", "--json").out)
    assert [each["id"] for each in told["weighed"]] == ["skill/places"]
    assert len(told["trial"]["pairs"]) == len(pairs(taught)) == 2


def test_a_replay_with_fewer_examples_is_no_evidence(strop: Strop, taught: Path) -> None:
    """What was proved with two examples says nothing of one."""
    assert strop("replay", "places", "--inputs", "june", "--exemplars", "1", *SCRIPTED).code == 0
    told = strop("learn", runs(taught)[-1], "--yes")
    assert (told.code, len(runs(taught)), pairs(taught)) == (0, 2, ())
    assert "a part of its examples" in told.out


def test_nothing_is_learned_from_what_did_not_pass(strop: Strop, project: Path) -> None:
    """A refused run ends with 1, one that waits with 2 and what to do."""
    assert strop("run", "spec.md", "--worker", SCRIPTED[1]).code == 4
    (waiting,) = runs(project)
    told = strop("learn", waiting)
    assert told.code == 2
    assert f"strop run --resume {waiting}" in told.err
    (project / "spec.md").write_text((project / "spec.md").read_text().replace('">= 2"', '">= 9"'))
    assert strop("run", "spec.md", *SCRIPTED).code == 1
    assert strop("learn", runs(project)[-1]).code == 1
    assert strop("learn", "nothing").code == 2
