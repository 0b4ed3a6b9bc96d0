"""One turn of the loop with a played model on a virtual clock: what is repaired, who approves, what is learned."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest
from bells import BELLS, PATHS, PROSE, SPEC, Bend, Loop, asked_by

from strop.errors import (
    BudgetExhausted,
    ConfigRefused,
    EndpointDown,
    HumanAwaited,
    PlanRefused,
    QuotaExhausted,
    RunStopped,
)
from strop.loop.cycle import Shop
from strop.loop.distill import described
from strop.loop.plan import Think
from strop.loop.specify import specify
from strop.loop.verify import Proofs
from strop.renderers.csv_file import CsvFile
from strop.reporting import run_json
from strop.types.content import Part, Standing
from strop.types.events import VerdictGiven
from strop.types.memory import Author, Skill
from strop.types.schema import Json
from strop.types.trial import Outcome, Run, Severity
from strop.types.work import Guidance, Kind, Plan, Task, TaskKind


def invented(key: str, prompt: str) -> dict[str, Json] | None:
    """The first two readers of elm give a number that no sentence says."""
    return {"bells": 99} if key == "elm" and prompt != "reader-3" else None


def test_what_was_refuted_is_read_once_more_by_another_reader(tmp_path: Path) -> None:
    """Only the unit that lost a value is read again, by a reader who is told which value was wrong."""
    loop = Loop(tmp_path, invented)

    turn = loop.turn()

    assert turn.run.extended == ("repair-3/elm",)
    assert len(loop.asked) == 2 * len(BELLS) + 1
    last = loop.asked[-1].messages
    assert asked_by("reader-3", loop.asked[-1])
    assert "- bells: 99 is wrong" in last[-1].text
    (value,) = [value for value in turn.verdict.values if (value.row, value.field) == ("elm", "bells")]
    assert value.value == 40
    assert value.standing is not Standing.REFUTED
    assert turn.outcome is Outcome.PASSED
    assert "elm,40" in (tmp_path / "files" / "bells.csv").read_text()


@pytest.mark.parametrize("bend", [lambda key, prompt: None, invented], ids=["nothing-wrong", "no-repairs-ordered"])
def test_nothing_is_repaired_where_nothing_is_wrong_or_none_is_ordered(tmp_path: Path, bend: Bend) -> None:
    """No repair task, and not one call more than the readers."""
    loop = Loop(tmp_path, bend, spec=replace(specify(SPEC.encode()), repairs=int(bend is not invented)))

    turn = loop.turn()

    assert turn.run.extended == ()
    assert len(loop.asked) == 2 * len(BELLS)


def test_a_repair_that_stays_wrong_is_not_repaired_again(tmp_path: Path) -> None:
    """One round: then the value is left out, and the run passes on what is left."""
    loop = Loop(tmp_path, lambda key, prompt: {"bells": 99} if key == "elm" else None)

    turn = loop.turn()

    assert turn.run.extended == ("repair-3/elm",)
    assert turn.outcome is Outcome.PASSED
    assert "elm,," in (tmp_path / "files" / "bells.csv").read_text()


@dataclass(frozen=True, slots=True)
class Losing:
    """Writes a CSV without its last row, so many times; then as it should."""

    times: list[int]
    whole: CsvFile = field(default_factory=CsvFile)

    @property
    def kind(self) -> Kind:
        return Kind.CSV

    def render(self, part: Part, *, to: Path) -> None:
        self.whole.render(part, to=to)
        if part.file == "bells.csv" and self.times:
            self.times.pop()
            to.write_text("".join(to.read_text().splitlines(keepends=True)[:-1]))


def test_what_a_round_found_is_kept_after_its_repair(tmp_path: Path) -> None:
    """Of values and of files, with the round: in the verdict, in the journal, in run.json. The last round is clean."""
    loop = Loop(tmp_path, invented, change=lambda shop: replace(shop, renderers={Kind.CSV: Losing([1, 1])}))

    turn = loop.turn()

    assert turn.outcome is Outcome.PASSED
    assert {finding.severity for finding in turn.verdict.findings} == {Severity.NOTE}
    found = {(each.round, each.finding.artefact, each.finding.locator): each.finding for each in turn.verdict.earlier}
    value = found[1, "inputs/elm.txt", "elm.bells"]
    assert (value.kind, value.observed, value.scope) == ("quote", "99", "bells")
    assert (1, "bells.csv", "rows") in found
    assert loop.state.verdict == turn.verdict
    told = orjson.loads(orjson.dumps(run_json(turn, loop.state, before="", after="")))
    assert {(each["round"], each["finding"]["locator"]) for each in told["earlier_findings"]} >= {
        (1, "elm.bells"),
        (1, "rows"),
    }


def test_a_second_round_goes_to_another_prompt_and_to_the_reserve(tmp_path: Path) -> None:
    """What the first round could not mend is read once more, otherwise; then the run ends and says what is left."""
    loop = Loop(tmp_path, lambda key, prompt: {"bells": 99} if key == "elm" else None)
    loop.spec = replace(loop.spec, repairs=2)

    turn = loop.turn()

    assert turn.run.extended == ("repair-3/elm", "repair-4/elm")
    third, fourth = (loop.state.tasks[name] for name in turn.run.extended)
    assert (third.prompt, third.reserve, fourth.prompt, fourth.reserve) == ("reader-3", False, "reader-1", True)
    assert "After 2 rounds of repair 1 findings stand; they are listed." in turn.verdict.unchecked
    assert loop.state.extensions == 2
    assert "elm,," in (tmp_path / "files" / "bells.csv").read_text()


def test_a_round_that_mends_all_is_the_last(tmp_path: Path) -> None:
    """Two are allowed, one is enough: nobody is asked again."""
    loop = Loop(tmp_path, invented)
    loop.spec = replace(loop.spec, repairs=2)

    turn = loop.turn()

    assert turn.run.extended == ("repair-3/elm",)
    assert len(loop.asked) == 2 * len(BELLS) + 1


# ---------------------------------------------------------------- a refuting model that is worth nothing


async def stamped(task: Task) -> Json:
    """Supports whatever it is shown."""
    found = re.findall(r"id (\w+): .*?<passage>\n(.*?)\n", task.goal, re.DOTALL)
    return {"verdicts": [{"id": name, "verdict": "supported", "quote": said.split(".")[0]} for name, said in found]}


def test_nothing_is_learned_from_a_run_whose_refuter_is_a_rubber_stamp(tmp_path: Path) -> None:
    """Files are there; the run is refused, neither skill nor rule comes of it, and the verdict says why."""
    flawed = Loop(tmp_path / "a", lambda key, prompt: {"bells": 0} if key == "elm" else None)
    loop = Loop(
        tmp_path / "b",
        lambda key, prompt: {"bells": 0} if key == "elm" else None,
        change=lambda shop: replace(
            shop, refute=stamped, proofs=lambda run: Proofs(PATHS, refuter="stamp"), think=Planner()
        ),
    )

    without, turn = flawed.turn(), loop.turn()

    assert without.skill is not None
    assert without.rules
    assert without.outcome is Outcome.PASSED
    assert turn.outcome is Outcome.REFUSED
    assert [file.file for file in turn.delivery.files] == [file.file for file in without.delivery.files]
    assert [f.kind for f in turn.verdict.findings if f.severity is Severity.FATAL] == ["void"]
    assert (turn.skill, turn.rules) == (None, ())
    assert turn.verdict.void
    assert turn.verdict.calibration is not None
    assert "a rubber stamp" in turn.verdict.calibration.why
    assert "The refuting model's verdict is void, nothing that it said counts: see the report." in (
        turn.verdict.unchecked
    )
    assert [v.standing for v in turn.verdict.values] == [v.standing for v in without.verdict.values]


def test_no_canary_is_in_a_file_or_in_what_is_learned(tmp_path: Path) -> None:
    """Claims that were planted stand in the tasks of the gate, and nowhere else that the run leaves."""
    heard: list[Task] = []

    async def judge(task: Task) -> Json:
        heard.append(task)
        found = re.findall(r"id (\w+): (\w+) of (\w+) is (\S+)\n<passage>\n(.*?)\n", task.goal, re.DOTALL)
        return {
            "verdicts": [
                {
                    "id": name,
                    "verdict": "supported" if said.strip("'") in (key, str(BELLS[key])) else "refuted",
                    "quote": passage.split(".")[1] if field == "bells" else passage.split(".")[0],
                }
                for name, field, key, said, passage in found
            ]
        }

    loop = Loop(tmp_path, change=lambda shop: replace(
        shop, refute=judge, proofs=lambda run: Proofs(PATHS, refuter="judge")
    ))  # fmt: skip

    turn = loop.turn()

    said = "\n".join(task.goal for task in heard)
    planted = {f"{bells + 100}" for bells in BELLS.values() if f"bells of {_key(bells)} is {bells + 100}" in said}
    assert planted
    assert turn.verdict.calibration is not None
    assert turn.verdict.calibration.found == turn.verdict.calibration.planted == len(planted)
    assert turn.skill is not None
    left = [path.read_bytes().decode() for path in (tmp_path / "files").iterdir()]
    left += [repr(turn.skill.exemplars).replace("It has", ""), repr(turn.rules), repr(turn.verdict.values)]
    cells = re.compile("|".join(rf"(?<![\w ]){each}\\b" for each in planted))
    assert not any(cells.search(text) for text in left)


def _key(bells: int) -> str:
    return next(key for key, kept in BELLS.items() if kept == bells)


def test_nothing_runs_before_somebody_approves(tmp_path: Path) -> None:
    """The plan is on record, the run waits for a person, no model was asked, no file was made."""

    async def nobody(plan: Plan) -> str:
        raise HumanAwaited("nobody is there")

    loop = Loop(tmp_path, change=lambda shop: replace(shop, approve=nobody))

    with pytest.raises(HumanAwaited):
        loop.turn()

    assert loop.state.outcome is Outcome.AWAITING
    assert loop.state.plan is not None
    assert not loop.state.approved
    assert loop.asked == []
    assert list(tmp_path.iterdir()) == []


async def no_money(task: Task) -> Json:
    raise BudgetExhausted("$0 of $0 spent")


async def nobody_home(task: Task) -> Json:
    raise EndpointDown("refused", billed=False)


@pytest.mark.parametrize(("think", "reason"), [(no_money, "budget"), (nobody_home, "model")])
def test_a_planner_that_cannot_be_asked_stops_the_run_and_says_how_to_go_on(
    tmp_path: Path, think: Think, reason: str
) -> None:
    """No plan: the run is closed as partial, with the command that takes it up again."""
    loop = Loop(tmp_path / "01RUN", spec=specify(PROSE.encode()), change=lambda shop: replace(shop, think=think))

    with pytest.raises(RunStopped, match="strop run --resume 01RUN"):
        loop.turn()

    assert loop.state.outcome is Outcome.PARTIAL
    assert loop.state.stop is not None
    assert loop.state.stop.reason == reason


def test_prose_without_a_planner_is_refused(tmp_path: Path) -> None:
    """Nobody splits it: the run is closed as a fault of the order, and nothing was asked."""
    loop = Loop(tmp_path, spec=specify(PROSE.encode()))

    with pytest.raises(PlanRefused, match="no planner model is configured"):
        loop.turn()
    assert loop.state.outcome is Outcome.FAULT
    assert loop.asked == []


def test_a_skill_whose_name_is_taken_gets_a_number(tmp_path: Path) -> None:
    """A second run of the same order does not write over the first one's skill."""
    loop = Loop(tmp_path, change=lambda shop: replace(shop, taken=frozenset({"bells", "bells-2"})))

    skill = loop.turn().skill

    assert skill is not None
    assert skill.name == "bells-3"


def test_a_replay_does_not_breed_a_second_skill(tmp_path: Path) -> None:
    """A run that a skill guides learns rules from its flaws, and no skill."""

    def guided(shop: Shop) -> Shop:
        return replace(shop, terrain=replace(shop.terrain, guidance=Guidance(skill="bells")))

    turn = Loop(tmp_path, lambda key, prompt: {"bells": 0} if key == "elm" else None, change=guided).turn()

    assert turn.outcome is Outcome.PASSED
    assert turn.skill is None
    assert [rule.check for rule in turn.rules] == ["range(bells, 1, 1000000000)"]


def test_a_stopped_run_teaches_nothing(tmp_path: Path) -> None:
    """What there is is delivered; neither skill nor rule comes of it."""
    empty = QuotaExhausted("nothing left at the provider")
    loop = Loop(tmp_path, lambda key, prompt: empty if (key, prompt) == ("elm", "reader-2") else invented(key, prompt))

    loop.spec = replace(loop.spec, budget=replace(loop.spec.budget, agents=1))

    turn = loop.turn()

    assert turn.outcome is Outcome.PARTIAL
    assert 0 < len(turn.run.landed) < 2 * len(BELLS)
    assert (turn.skill, turn.rules) == (None, ())
    assert (tmp_path / "files" / "bells.csv").is_file()


# ---------------------------------------------------------------- what the skill is described by

WORDS = "Counts the bells of each station. Use when stations are described in documents of their own."


@dataclass
class Planner:
    """Answers with one description, or fails; keeps what it was asked."""

    said: str | Exception = WORDS
    asked: list[Task] = field(default_factory=list[Task])
    look: Callable[[], None] = lambda: None

    async def __call__(self, task: Task) -> Json:
        self.asked.append(task)
        self.look()
        if isinstance(self.said, Exception):
            raise self.said
        return {"description": self.said}


def test_the_planner_describes_the_skill_once_before_the_run_closes(tmp_path: Path) -> None:
    """One task of two steps; the verdict is on record by then, the outcome is not; the skill bears its words."""
    planner = Planner(f" {WORDS}\n")
    loop = Loop(tmp_path, change=lambda shop: replace(shop, think=planner))
    seen: list[tuple[Outcome | None, bool]] = []

    def look() -> None:
        judged = any(isinstance(event.body, VerdictGiven) for event in loop.journal.read())
        seen.append((loop.state.outcome, judged))

    planner.look = look
    turn = loop.turn()

    assert seen == [(None, True)]
    (task,) = planner.asked
    assert (task.id, task.kind, task.role, task.prompt, task.steps) == (
        "distill",
        TaskKind.AGGREGATE,
        "planner",
        "distill",
        2,
    )
    assert turn.outcome is Outcome.PASSED
    assert turn.skill is not None
    assert (turn.skill.description, turn.skill.described) == (WORDS, Author.MODEL)
    assert not [key for key in BELLS if key in task.goal]


@pytest.mark.parametrize(
    "said",
    [
        BudgetExhausted("$0 of $0 spent"),
        EndpointDown("refused", billed=False),
        QuotaExhausted("nothing left at the provider"),
        ConfigRefused("a prompt asks for {{nothing}}"),
        "Counts the bells of elm.",
        "",
    ],
    ids=lambda said: type(said).__name__ if isinstance(said, Exception) else said or "nothing",
)
def test_where_the_planner_fails_or_tells_of_the_run_the_spec_describes_the_skill(
    tmp_path: Path, said: str | Exception
) -> None:
    """The run passes all the same, nothing stops it, and the skill says who described it."""
    planner = Planner(said)
    loop = Loop(tmp_path, change=lambda shop: replace(shop, think=planner))

    turn = loop.turn()

    assert len(planner.asked) == 1
    assert turn.outcome is Outcome.PASSED
    assert loop.state.stop is None
    assert turn.skill is not None
    assert (turn.skill.description, turn.skill.described) == (described(loop.spec), Author.SPEC)


UNASKED: dict[str, tuple[Callable[[Shop], Shop], str, Outcome]] = {
    "replay": (
        lambda shop: replace(shop, terrain=replace(shop.terrain, guidance=Guidance(skill="bells"))),
        ">= 1",
        Outcome.PASSED,
    ),
    "refused": (lambda shop: shop, ">= 50", Outcome.REFUSED),
    "teaches nothing": (lambda shop: replace(shop, teaches=False), ">= 1", Outcome.PASSED),
}


@pytest.mark.parametrize("why", UNASKED)
def test_nobody_describes_what_is_not_learned(tmp_path: Path, why: str) -> None:
    """A replay, a refused run, one broken on purpose or by one agent alone: the planner is not asked."""
    change, rows, outcome = UNASKED[why]
    planner = Planner()
    spec = specify(SPEC.replace(">= 1", rows).encode())
    loop = Loop(tmp_path, spec=spec, change=lambda shop: change(replace(shop, think=planner)))

    turn = loop.turn()

    assert turn.outcome is outcome
    assert turn.skill is None
    assert planner.asked == []


def test_nobody_is_paid_to_describe_a_skill_that_is_there_already(tmp_path: Path) -> None:
    """The skill is looked for before the planner is asked; what comes in and what does not, the library says."""
    planner, looked = Planner(), list[str]()

    def there(run: Run, skill: Skill) -> bool:
        looked.append(skill.name)
        return True

    turn = Loop(tmp_path, change=lambda shop: replace(shop, think=planner, there=there)).turn()

    assert (turn.outcome, looked, planner.asked) == (Outcome.PASSED, ["bells"], [])
    assert turn.skill is not None
    assert turn.skill.described is Author.SPEC
