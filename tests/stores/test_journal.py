"""The journal in each store: what was committed is read back, one writer, whole appends, clear faults.

Tests with a `store` hold for all of them; below stands what only a file can suffer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

import pytest
from both_journals import InPostgres, JournalStore
from hypothesis import given, settings
from hypothesis import strategies as st

from strop.errors import JournalFault
from strop.seams import Journal
from strop.stores.sqlite import Durability, SqliteJournal, read_journal
from strop.testing.world import random_plan
from strop.types.events import KINDS, Body, BudgetRaised, Event, StopRequested, decode, encode
from strop.types.work import Plan, Task

pytestmark = pytest.mark.anyio


@pytest.fixture
def journal(store: JournalStore) -> Iterator[Journal]:
    """A writer, closed at the end."""
    writer = store.open()
    yield writer
    writer.close()


def facts(*names: str) -> list[Body]:
    """Facts that differ by a word."""
    return [StopRequested(name) for name in names]


def words(events: Sequence[Event]) -> list[str]:
    """What a reader sees of such facts."""
    return [event.body.reason for event in events if isinstance(event.body, StopRequested)]


# ---------------------------------------------------------------- every kind of event

PLANS = [random_plan(seed, most=4) for seed in range(3)]


def any_of(hint: object) -> st.SearchStrategy[object]:
    """Values of a field's type. Plans and tasks hold recursive schemas and are taken from the simulator."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([any_of(each) for each in arguments])
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(any_of(arguments[0]), max_size=2).map(tuple)
        return st.tuples(*[any_of(each) for each in arguments])
    if isinstance(hint, typing.NewType):
        return any_of(hint.__supertype__)
    if hint is Plan:
        return st.sampled_from(PLANS)
    if hint is Task:
        return st.sampled_from([task for plan in PLANS for task in plan.tasks])
    plain: dict[object, st.SearchStrategy[object]] = {
        str: st.text(max_size=8),
        bool: st.booleans(),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        type(None): st.none(),
    }
    if hint in plain:
        return plain[hint]
    assert isinstance(hint, type), hint
    return st.sampled_from(list(hint)) if issubclass(hint, Enum) else built(hint)


def built(kind: type) -> st.SearchStrategy[object]:
    """A frozen dataclass with any values."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{each.name: any_of(hints[each.name]) for each in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_event_is_read_back_as_it_was_written(kind: str) -> None:
    """Whatever a body holds, its bytes give an equal body, with values of the same types."""

    @settings(max_examples=15)
    @given(built(KINDS[kind]))
    def holds(body: object) -> None:
        back = decode(kind, 1, encode(typing.cast("Body", body)))
        assert back == body
        assert repr(back) == repr(body)

    holds()


async def test_a_journal_holds_every_kind_in_order(store: JournalStore, journal: Journal) -> None:
    """One fact of each kind, in one transaction: numbered from 1, with writer and time, live and for a reader."""
    bodies = [typing.cast("Body", _example(KINDS[kind])) for kind in KINDS]

    written = await journal.append(bodies, at=1.5)

    assert [(event.seq, event.epoch, event.at, event.run) for event in written] == [
        (number, 1, 1.5, "01RUN") for number in range(1, len(KINDS) + 1)
    ]
    assert written == journal.read() == store.read()
    assert journal.read(after=len(KINDS) - 2) == written[-2:]


def _example(kind: type) -> object:
    """The plainest body of a kind."""
    hints = typing.get_type_hints(kind)
    return kind(**{each.name: _plainest(hints[each.name]) for each in dataclasses.fields(kind)})


def _plainest(hint: object) -> object:
    if hint is Plan:
        return PLANS[0]
    if typing.get_origin(hint) is tuple:
        return ()
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return None
    if isinstance(hint, typing.NewType):
        return _plainest(hint.__supertype__)
    assert isinstance(hint, type), hint
    if issubclass(hint, Enum):
        return next(iter(hint))
    return _example(hint) if dataclasses.is_dataclass(hint) else hint()


# ---------------------------------------------------------------- one writer


async def test_a_second_writer_is_refused(store: JournalStore, journal: Journal) -> None:
    """Whoever comes second is told which run is being written and what to do; the first goes on."""
    with pytest.raises(JournalFault, match="01RUN: this run is being written by"):
        store.open()

    await journal.append(facts("on"), at=0)
    assert words(store.read()) == ["on"]


async def test_the_next_writer_takes_over_after_the_first_has_closed(store: JournalStore) -> None:
    """Numbers go on where the first stopped, under a new epoch."""
    first = store.open()
    await first.append(facts("one"), at=0)
    first.close()
    second = store.open()
    (event,) = await second.append(facts("two"), at=1)
    second.close()

    assert (event.seq, event.epoch) == (2, 2)
    assert words(store.read()) == ["one", "two"]


async def test_a_writer_that_was_taken_over_cannot_append(store: JournalStore, journal: Journal) -> None:
    """With its lock gone a stale writer is still found out, inside the append's own transaction."""
    thief = store.steal()
    await thief.append(facts("mine"), at=0)

    with pytest.raises(JournalFault, match="another process took"):
        await journal.append(facts("stale"), at=0)

    await thief.append(facts("still mine"), at=1)
    thief.close()
    assert words(store.read()) == ["mine", "still mine"]


def test_a_journal_of_another_run_is_refused(path: Path, tmp_path: Path) -> None:
    """A journal that was copied into another run's folder is not written there."""
    SqliteJournal(path, run="01RUN").close()
    (tmp_path / "02RUN").mkdir()
    copy = shutil.copy(path, tmp_path / "02RUN" / "journal.db")

    with pytest.raises(JournalFault, match="of run 01RUN"):
        SqliteJournal(Path(copy), run="02RUN")


async def test_closing_twice_does_no_harm(store: JournalStore) -> None:
    """A closed journal may be closed again; it takes no fact any more, and says so in our own words."""
    journal = store.open()
    journal.close()
    journal.close()

    with pytest.raises(JournalFault):
        await journal.append(facts("late"), at=0)


async def test_a_journal_on_power_proof_disks_is_a_journal(path: Path) -> None:
    """`durability = power` reads and writes as the other does."""
    journal = SqliteJournal(path, run="01RUN", durability=Durability.POWER)
    await journal.append(facts("one"), at=0)
    journal.close()

    assert words(read_journal(path)) == ["one"]


# ---------------------------------------------------------------- all or nothing


@pytest.mark.parametrize("body", [StopRequested("half a pair: \ud800"), BudgetRaised(1 << 70, 1, 1, 1.0)])
async def test_what_json_cannot_say_is_a_fault_that_writes_nothing(
    store: JournalStore, journal: Journal, body: Body
) -> None:
    """The fault names the fact; the facts beside it are not written, and the next append goes on."""
    with pytest.raises(JournalFault, match=rf"{type(body).__name__} cannot be put on record"):
        await journal.append([StopRequested("before"), body], at=0.0)
    (event,) = await journal.append([StopRequested("after")], at=1.0)
    assert event.seq == 1
    assert journal.read() == (event,)


async def test_nothing_of_a_failed_append_is_visible(store: JournalStore, journal: Journal) -> None:
    """The second of three facts cannot be written: no reader sees the first, and the journal goes on."""
    await journal.append(facts("one"), at=0)
    columns = "epoch, at, kind, version, body"
    where = ("run, ", "run, ") if isinstance(store, InPostgres) else ("", "")
    store.meddle(f"INSERT INTO event ({where[0]}seq, {columns}) SELECT {where[1]}3, {columns} FROM event")

    with pytest.raises(JournalFault):
        await journal.append(facts("two", "three", "four"), at=1)
    assert words(store.read()) == ["one", "one"]

    store.meddle("DELETE FROM event WHERE seq = 3")
    await journal.append(facts("two"), at=2)
    assert words(store.read()) == ["one", "two"]


FILL = """
import asyncio, resource, sys
from pathlib import Path
from strop.errors import JournalFault
from strop.stores.sqlite import SqliteJournal
from strop.types.events import StopRequested

async def main():
    journal = SqliteJournal(Path(sys.argv[1]), run="01RUN")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    written = 0
    try:
        while True:
            await journal.append([StopRequested(f"{written}"), StopRequested("x" * 20_000)], at=0)
            written += 1
    except JournalFault as caught:
        assert len(journal.read()) == 2 * written, "a failed append is visible"
        print(written, caught)
    journal.close()

asyncio.run(main())
"""


def test_a_full_disk_ends_in_one_clear_fault(path: Path) -> None:
    """A file that may not grow any more: the fault says what to do, all earlier appends stand, and it can go on."""
    child = subprocess.run([sys.executable, "-c", FILL, str(path)], check=False, capture_output=True, text=True)
    said = child.stdout

    assert child.returncode == 0, child.stderr
    count = int(said.split()[0])
    assert count > 2
    assert "then: strop run --resume 01RUN" in said or "Free some space, then resume" in said
    assert len(read_journal(path)) == 2 * count
    asyncio.run(fill(path, "with room"))
    assert words(read_journal(path))[-1] == "with room"


async def test_a_reader_sees_what_is_committed_while_a_writer_is_at_work(store: JournalStore, journal: Journal) -> None:
    """Reading needs no lock and stops nobody; each reading shows whole appends."""
    for number in range(1, 4):
        await journal.append(facts("a", "b"), at=number)
        assert len(store.read()) == 2 * number


KILLED = """
import asyncio, os, signal
from strop.types.events import StopRequested

async def main():
    for number in range(7):
        await journal.append([StopRequested(f"{number}")], at=0)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_was_committed_outlives_a_kill(store: JournalStore) -> None:
    """SIGKILL after the seventh append: a reader finds seven, and the next writer may write."""
    child = subprocess.run([sys.executable, "-c", store.child() + KILLED], check=False)

    assert child.returncode == -9
    assert words(store.read()) == [f"{number}" for number in range(7)]
    if isinstance(store, InPostgres):
        with pytest.raises(JournalFault, match=r"being written by the first driver until .* UTC"):
            store.open()
        store.expire()
    store.open().close()


# ---------------------------------------------------------------- files that are not as we left them


def filled(path: Path) -> bytes:
    """The bytes of a closed journal of some size."""
    asyncio.run(fill(path, *(f"{number} " + "x" * 400 for number in range(40))))
    return path.read_bytes()


async def fill(path: Path, *names: str) -> None:
    """Each fact by itself."""
    journal = SqliteJournal(path, run="01RUN")
    for name in names:
        await journal.append(facts(name), at=0)
    journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"no database at all " * 400,
        lambda body: body[: len(body) // 2],
        lambda body: body[:100] + b"\xff" * 4_000 + body[4_100:],
        lambda body: body.replace(b'{"reason"', b'{"raisin"'),
    ],
    ids=["other-file", "cut-off", "overwritten", "bodies"],
)
def test_a_damaged_file_gives_one_clear_fault(path: Path, damage: typing.Callable[[bytes], bytes]) -> None:
    """Reader and writer say in our own words that the file is damaged; neither hangs, nor leaves it open."""
    path.write_bytes(damage(filled(path)))

    with pytest.raises(JournalFault, match=r"damaged|no journal|cannot be read"):
        read_journal(path)
    with pytest.raises(JournalFault, match=r"damaged|no journal|cannot be read"):
        journal = SqliteJournal(path, run="01RUN")
        try:
            journal.read()
        finally:
            journal.close()


def test_damage_anywhere_is_a_fault_or_changes_nothing(path: Path) -> None:
    """Eight bytes overwritten at any place: the events as they were, other events, or a fault of ours."""
    body = filled(path)
    for at in range(0, len(body), 509):
        path.write_bytes(body[:at] + b"\x81" * 8 + body[at + 8 :])
        try:
            assert len(read_journal(path)) <= 40
        except JournalFault:
            continue


@pytest.mark.parametrize(("kind", "version"), [("StopRequested", 99), ("SwarmTeleported", 1)])
async def test_an_event_of_a_newer_strop_is_refused(
    store: JournalStore, journal: Journal, kind: str, version: int
) -> None:
    """A newer version of a known kind, or an unknown kind: this strop says that it is too old."""
    await journal.append(facts("one"), at=0)
    run = ("run, ", "run, ") if isinstance(store, InPostgres) else ("", "")
    store.meddle(
        f"INSERT INTO event ({run[0]}seq, epoch, at, kind, version, body) SELECT {run[1]}2, 1, 0, ?, ?, ? FROM event",
        (kind, version, b"{}"),
    )

    with pytest.raises(JournalFault, match=f"event {kind} v{version} was written by a newer strop; upgrade"):
        store.read()


def test_no_journal_is_said_to_be_none(store: JournalStore) -> None:
    """Reading makes none: the second reading finds it missing too."""
    for _ in range(2):
        with pytest.raises(JournalFault, match=r"no such journal|no journal of run 01RUN"):
            store.read()


async def test_any_folder_name_will_do(tmp_path: Path) -> None:
    """Characters that mean something in a URI mean nothing in a path."""
    folder = tmp_path / "50% off? #1 & more"
    folder.mkdir()
    journal = SqliteJournal(folder / "journal.db", run="01RUN")
    await journal.append(facts("here"), at=0)
    journal.close()

    assert words(read_journal(folder / "journal.db")) == ["here"]
