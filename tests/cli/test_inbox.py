"""`strop inbox`, `strop runs stop` and `strop runs budget`, and following a run, as a person types them."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest
import typer

from strop.cli.follow import Follower, follow
from strop.cli.guard import guarded
from strop.cli.inbox import inbox_app, runs_app
from strop.stores.inbox import BudgetOrder, Inbox, StopOrder
from strop.stores.sqlite import SqliteJournal, read_journal
from strop.types.events import (
    Answered,
    Asked,
    AttemptEnded,
    Body,
    BudgetRaised,
    Event,
    PlanExtended,
    RunClosed,
    RunOpened,
    RunReopened,
    StopRequested,
)
from strop.types.schema import Object
from strop.types.trial import Outcome, Result
from strop.types.work import Budget, Task, TaskId, TaskKind

from .conftest import SCRIPTED, Strop, Told, only_run

pytestmark = pytest.mark.anyio

RUN = "01K9AAAAAA0000"
GONE = "01K8AAAAAA0000"
ASKED = Asked("3f9c" + "0" * 60, TaskId("read-1/affairs"), 1, "outlier", "It costs 7x its siblings.", ("go-on", "end"))

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
app.add_typer(inbox_app, name="inbox")
app.add_typer(runs_app, name="runs")

Say = Callable[..., Told]


@pytest.fixture
def say(project: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """One command in this process, in a project without runs."""

    def command(*arguments: str) -> Told:
        capsys.readouterr()
        given = list(arguments)
        code = guarded(lambda: app(given, prog_name="strop", standalone_mode=False) or 0, arguments=given)
        said = capsys.readouterr()
        return Told(code, said.out, said.err)

    return command


@pytest.fixture
def inbox(project: Path) -> Inbox:
    return Inbox(project / ".strop" / "project.db")


async def journal(project: Path, run: str, *bodies: Body) -> None:
    """A run's journal with these facts, its owner gone."""
    folder = project / "runs" / run
    folder.mkdir(parents=True, exist_ok=True)
    held = SqliteJournal(folder / "journal.db", run=run)
    try:
        await held.append(bodies, at=1.0)
    finally:
        held.close()


@pytest.fixture
def runs(project: Path) -> None:
    """Two runs on disk: of RUN a process is the owner now, of GONE nobody is."""
    opened = RunOpened(RUN, "spec", "0", Budget(nanos=5_000_000_000, steps=100, minutes=10.0, input_tokens=1_000_000))
    raised = BudgetRaised(nanos=6_000_000_000, steps=100, tokens=20_000_000, minutes=10.0)
    asyncio.run(journal(project, RUN, opened, raised))
    asyncio.run(journal(project, GONE, opened))


@pytest.fixture
def at_work(project: Path, runs: None) -> Iterator[None]:
    with open(project / "runs" / RUN / "journal.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def test_questions_are_listed_with_how_to_answer(say: Say, inbox: Inbox) -> None:
    """For people and as JSON; and that there are none is said."""
    assert say("inbox").out == "no questions wait\n"
    inbox.ask(RUN, ASKED)
    told = say("inbox").out
    assert told.startswith(f"3f9c00000000  run {RUN}, task read-1/affairs\n  asked 20")
    assert "  It costs 7x its siblings.\n" in told
    assert "  answer with: strop inbox answer 3f9c00000000 go-on|end\n" in told
    (question,) = orjson.loads(say("inbox", "--json").out)["questions"]
    assert (question["id"], question["options"]) == (ASKED.question, ["go-on", "end"])


def test_a_long_question_is_broken_between_words_and_stays_indented(
    say: Say, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 80 columns no line is longer, but for the command, which is copied whole."""
    monkeypatch.setenv("COLUMNS", "80")
    text = "it has cost $0.1234, 7.1 times the median of its 12 siblings of the role reader 1 that have landed so far"
    inbox.ask(RUN, replace(ASKED, task=TaskId("read-1/the-old-harbour-of-the-northern-town"), text=text))
    first, more, _, one, two, command, _ = say("inbox").out.split("\n", 6)
    assert first.startswith("3f9c00000000  run ")
    assert more == "  read-1/the-old-harbour-of-the-northern-town"
    assert [one, two] == [f"  {text[:76].rpartition(' ')[0]}", f"  {text[len(text[:76].rpartition(' ')[0]) + 1 :]}"]
    assert max(map(len, (first, more, one, two))) <= 80
    assert command.startswith("  answer with: strop inbox answer")


def test_an_answer_reaches_the_owner_and_names_the_next_move(say: Say, inbox: Inbox, at_work: None) -> None:
    """While somebody works on the run nothing more is to be done."""
    inbox.ask(RUN, ASKED)
    told = say("inbox", "answer", "3f9c", "end")
    assert (told.code, told.out) == (0, f"answered end to question 3f9c00000000 of run {RUN}\n")
    assert inbox.answers(RUN) == (Answered(ASKED.question, "end", "user"),)


def test_an_answer_to_a_run_that_awaits_says_how_it_goes_on(say: Say, inbox: Inbox, runs: None) -> None:
    """Nobody is there to hear it, so the person takes the run up."""
    inbox.ask(GONE, ASKED)
    told = say("inbox", "answer", "3f9c", "go-on")
    assert told.code == 0
    assert told.out.endswith(f"Nobody works on that run now. Go on with: strop run --resume {GONE}\n")
    inbox.ask(RUN, Asked("aaaa", TaskId("t"), 1, "outlier", "?", ("a",)))
    body = orjson.loads(say("inbox", "answer", "aaaa", "a", "--json").out)
    assert body == {"question": "aaaa", "run": RUN, "answer": "a", "at_work": False}


def test_a_stop_is_left_for_the_owner(say: Say, inbox: Inbox, at_work: None) -> None:
    """With the reason, which the report will show."""
    told = say("runs", "stop", "01k9", "--reason", "wrong inputs")
    assert told.code == 0
    assert f"asked run {RUN} to stop" in told.out
    assert say("runs", "stop", RUN, "--json").out.split() == ["{", '"run":', f'"{RUN}",', '"asked":', '"stop"', "}"]
    assert inbox.orders(RUN) == (StopOrder("user", "wrong inputs"), StopOrder("user", ""))


def test_higher_caps_are_left_for_the_owner(say: Say, inbox: Inbox, at_work: None) -> None:
    """As the spec writes them."""
    told = say("runs", "budget", RUN, "usd=8", "minutes=90", "agents=400", "input_tokens=2M")
    assert (told.code, told.out) == (0, f"told run {RUN}: usd=8, minutes=90, agents=400, input_tokens=2M\n")
    caps = (("usd", "8"), ("minutes", "90"), ("agents", "400"), ("input_tokens", "2M"))
    assert inbox.orders(RUN) == (BudgetOrder("user", caps),)


REFUSED = {
    "a stop for nobody": (["stop", GONE], f"nobody works on run {GONE} now. Go on with: strop run --resume {GONE}"),
    "caps for nobody": (["budget", GONE, "usd=8"], f"Go on with: strop run --resume {GONE} --budget usd=8"),
    "an unknown run": (["stop", "zzz"], "no run matches 'zzz'"),
    "lower than it is": (
        ["budget", RUN, "usd=5.5"],
        "usd=5.5 does not raise the run's cap of $6.00; a cap is only raised while a run goes on",
    ),
    "as it is": (["budget", RUN, "minutes=10"], "minutes=10 does not raise the run's cap of 10"),
    "one of two lower": (["budget", RUN, "usd=8", "steps=99"], "steps=99 does not raise the run's cap of 100"),
    "no cap": (["budget", RUN, "colour=5"], "'colour=5': write key=value, with one of usd, steps"),
    "fewer agents": (["budget", RUN, "agents=5"], "agents=5 does not raise the run's cap of 300"),
    "a cap where there is none": (["budget", RUN, "output_tokens=5"], "would be a cap where the run has none"),
    "one cap twice": (["budget", RUN, "usd=8", "usd=9"], "usd stands twice; name each cap once"),
    "critical steps": (["budget", RUN, "critical_steps=200"], "does not raise the run's cap of 200"),
    "no value": (["budget", RUN, "usd"], "'usd': write key=value"),
    "negative": (["budget", RUN, "usd=-1"], "--budget: usd: -1 is no amount"),
    "no number": (["budget", RUN, "steps=many"], "--budget: steps: 'many' is no whole number"),
    "no cap at all": (["budget", RUN], "Missing argument"),
    "lost options": (["--json", "stop", RUN], "write options after the subcommand: strop runs stop"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_run_could_heed_is_refused(name: str, say: Say, inbox: Inbox, at_work: None) -> None:
    """Exit 2, one message with the next move, and nothing is left for the owner."""
    arguments, message = REFUSED[name]
    told = say("runs", *arguments)
    assert told.code == 2
    assert message in told.err
    assert told.err.count("strop: ") == 1
    assert inbox.orders(RUN) == ()
    assert inbox.orders(GONE) == ()


def test_runs_alone_still_lists_them(say: Say, runs: None) -> None:
    """As before there were subcommands; with --json too."""
    assert RUN in say("runs").out
    assert [row["id"] for row in orjson.loads(say("runs", "--json").out)["runs"]] == [RUN, GONE]


def test_help_has_an_example_for_each(say: Say) -> None:
    """And the groups name their subcommands."""
    for arguments in (["inbox"], ["inbox", "answer"], ["runs"], ["runs", "stop"], ["runs", "budget"]):
        told = say(*arguments, "--help").out
        assert f"strop {' '.join(arguments)}" in told
        assert "Example" in told
    assert "budget" in say("runs", "--help").out


# ---------------------------------------------------------------- following


def task(name: str) -> Task:
    return Task(TaskId(name), TaskKind.WORK, "r", "g", Object(()), "specialist")


LANDED = AttemptEnded(TaskId("a"), 1, Result(TaskId("a"), output="{}"))
AGAIN = AttemptEnded(TaskId("b"), 1, Result(TaskId("b"), failure="BadStream: cut"), retry_at=3.0)
FAILED = AttemptEnded(TaskId("b"), 2, Result(TaskId("b"), failure="BadStream: cut"))
LINES = {
    "landed": (LANDED, ("1/2 a landed",)),
    "failed": (FAILED, ("b failed: BadStream: cut",)),
    "failed once": (AGAIN, ("b failed: BadStream: cut; tries again",)),
    "asked": (ASKED, ("waits for a person: It costs 7x its siblings. (strop inbox, question 3f9c00000000)",)),
    "stopped": (StopRequested("usd", "$5 of $5 spent"), ("stopping: $5 of $5 spent",)),
    "closed": (RunClosed(Outcome.PASSED, 3.0), (f"run {RUN} closed: passed",)),
    "reopened": (RunReopened(1.0), ()),
}


@pytest.mark.parametrize("name", LINES)
def test_each_event_is_one_line_or_none(name: str) -> None:
    """What a person who watches wants to know."""
    told = Follower(RUN)
    told.lines(Event(RUN, 1, 1, 0.0, PlanExtended((task("a"), task("b")), "repairs")))
    body, lines = LINES[name]
    assert told.lines(Event(RUN, 2, 1, 0.0, body)) == lines


@dataclass(slots=True)
class Script:
    """A clock by which another process writes: each sleep lets the next facts be committed."""

    path: Path
    journal: SqliteJournal | None
    steps: list[tuple[Body, ...]]
    slept: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        assert self.journal is not None, "nobody writes, and still it was waited for"
        if self.steps:
            await self.journal.append(self.steps.pop(0), at=self.now())
        else:
            self.journal.close()
            self.journal = None


@pytest.mark.parametrize("closed", [True, False], ids=["to its end", "cut off"])
async def test_a_run_is_followed_until_nobody_works_on_it(closed: bool, tmp_path: Path) -> None:
    """Lines come as facts are committed, none twice; a run that was cut off is told with how to go on."""
    path = tmp_path / "journal.db"
    opened = RunOpened(RUN, "spec", "0", Budget())
    end: tuple[Body, ...] = (FAILED, RunClosed(Outcome.PARTIAL, 2.0)) if closed else (FAILED,)
    writer = SqliteJournal(path, run=RUN)
    clock = Script(path, writer, [(LANDED,), (), end])
    await writer.append((opened, PlanExtended((task("a"), task("b")), "repairs")), at=0.0)
    said: list[str] = []
    await follow(
        RUN,
        read=lambda after: read_journal(path, after=after),
        owned=lambda: clock.journal is not None,
        say=said.append,
        clock=clock,
        every=0.25,
    )
    last = (
        f"run {RUN} closed: partial"
        if closed
        else f"nobody works on run {RUN} now. Go on with: strop run --resume {RUN}"
    )
    assert said == ["2 more tasks: repairs", "1/2 a landed", "b failed: BadStream: cut", last]
    assert clock.slept == [0.25] * 4


def test_show_follows_first_and_shows_then(strop: Strop, project: Path) -> None:
    """A run that has ended is told to its end on stderr; stdout stays what it is without."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    run = only_run(project)
    plain, told = strop("show", run), strop("show", run, "--follow")
    assert (told.code, told.out) == (0, plain.out)
    assert "1/4 read-1" in told.err
    assert told.err.endswith(f"run {run} closed: passed\n")


def test_the_groups_hang_in_the_command(strop: Strop, project: Path) -> None:
    """As users have them."""
    assert strop("inbox").out == "no questions wait\n"
    assert "no runs yet" in strop("runs").out
    assert strop("runs", "stop", "zzz").code == 2
