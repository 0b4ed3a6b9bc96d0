"""`strop skills` and `strop rules` as a person types them: look, approve, retire, go back, and find the culprit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from canaries import transcript

from strop.app.drift import settle
from strop.app.project import Project, open_project
from strop.drafting.answers import reading_schema
from strop.learning.library import move, put
from strop.stores.blobs import write_whole
from strop.types.evidence import Certificate
from strop.types.memory import Cost, Item, ItemKind, ItemState, Skill, Taint
from strop.types.moves import changes
from strop.types.work import Column, ColumnType, Kind, Output, RunId, Spec

from .conftest import SCRIPTED, Strop

COLUMNS = (Column("bells", ColumnType.INTEGER),)
BELLS = Skill(
    "bells", "Counts bells.", Spec("Bells", (Output("bells.csv", Kind.CSV, COLUMNS),), "# Bells\n"),
    reading_schema(COLUMNS), (), (("reader-1", "Read.\n"),), (), RunId("01RUN"), Cost(1, 2, 3, 4, 5, 6, 7.0),
)  # fmt: skip
ITEM = Item("skill/bells", ItemKind.SKILL, "", ItemState.CANDIDATE, taint=Taint.DERIVED)


@pytest.fixture
def opened(project: Path) -> Project:
    """The project, with one skill that a run has left."""
    made = open_project(project)
    put(made.db, made.blobs, [(ITEM, BELLS)], by="01RUN")
    return made


def state(opened: Project, name: str = "skill/bells") -> str:
    item = opened.db.head().item(name)
    assert item is not None
    return str(item.state)


def test_a_bare_group_lists(strop: Strop, opened: Project) -> None:
    """`strop skills` is `strop skills list`, and `strop rules` is `strop rules list`; options go behind."""
    told = strop("skills")
    assert told.out == strop("skills", "list").out
    assert told.out == "bells\n  candidate, 0 examples, from run 01RUN\n  Counts bells.\n"
    (row,) = orjson.loads(strop("skills", "--json").out)["skills"]
    assert (row["name"], row["state"], row["taint"], row["origin"]) == ("bells", "candidate", "derived", "run")
    assert strop("rules").out == strop("rules", "list").out
    assert orjson.loads(strop("rules", "--json").out) == {"rules": [], "waiting": []}
    assert strop("skills", "--json", "log").code == 2


def test_a_person_lets_an_item_on_step_by_step(strop: Strop, opened: Project) -> None:
    """Out of quarantine as a candidate, then into use; each time it is said what that allows."""
    waiting = replace(ITEM, state=ItemState.QUARANTINE, taint=Taint.UNTRUSTED, why="waits")
    put(opened.db, opened.blobs, [(waiting, BELLS)])
    scripts = opened.folder / ".agents" / "skills" / "bells" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "ring.sh").write_text("ring\n")

    (opened.folder / "reads.toml").write_text(transcript())
    approving = ("skills", "approve", "bells", "--worker", "scripted:reads.toml")

    refused = strop(*approving)
    assert (refused.code, state(opened)) == (4, "quarantine")
    assert "strop skills approve bells --worker scripted:reads.toml --yes" in refused.err
    for line in ("As candidate:", "text that nobody vouched for", "it brings scripts (ring.sh)"):
        assert line in refused.out
    assert strop("replay", "bells", "--inputs", "inputs", *SCRIPTED).code == 2

    told = orjson.loads(strop(*approving, "--yes", "--json").out)
    assert (told["state"], state(opened)) == ("candidate", "candidate")
    active = strop(*approving, "--yes")
    assert active.out.endswith("skill/bells is active now. Undo with: strop skills rollback\n")
    assert active.err == "", "the replay on record counts, and is not paid twice"
    assert 'strop-state: "active"' in (scripts.parent / "SKILL.md").read_text()
    assert strop("skills", "approve", "bells", "--yes").code == 2
    assert [each.by for each in opened.db.moves()][-2:] == ["user", "user"]


def waiting(opened: Project, *, words: str = "Bells are given as figures.") -> None:
    """The skill as it came from elsewhere, with these words among its prompts."""
    item = replace(ITEM, state=ItemState.QUARANTINE, taint=Taint.UNTRUSTED, why="waits")
    put(opened.db, opened.blobs, [(item, replace(BELLS, prompts=(("reader-1", words),)))])


def test_what_a_replay_catches_stays_in_quarantine(strop: Strop, opened: Project) -> None:
    """Exit 1 whatever was said, with what it did and what there is to do; it stands for this version and worker."""
    waiting(opened, words="Bells are given as figures.")
    (opened.folder / "reads.toml").write_text(transcript(spoiled="given as figures"))
    (opened.folder / "other.toml").write_text(transcript())
    approving = ("skills", "approve", "bells", "--worker")

    told = strop(*approving, "scripted:reads.toml", "--yes")
    assert (told.code, state(opened)) == (1, "quarantine")
    assert "A canary replay comes first" in told.err
    for line in (
        "caught 2 times",
        "refuse at merrow.bells: nothing; without it 41",
        "skill/bells stays in quarantine; no option lets it pass.",
        "strop skills retire bells",
    ):
        assert line in told.out, line

    again = strop(*approving, "scripted:reads.toml", "--yes", "--inputs", "inputs", "--json")
    body = orjson.loads(again.out)
    assert (again.code, body["state"], body["canary"]["clean"]) == (1, "quarantine", False)
    assert again.err == "", "one that caught something stands, and is not tried until it is clean"
    assert "caught 2 times" in strop("skills", "show", "bells").err
    (record,) = orjson.loads(strop("skills", "show", "bells", "--json").out)["canary"]
    assert (record["clean"], record["record"]["model"]) == (False, "scripted:reads.toml")

    assert strop(*approving, "scripted:other.toml", "--yes").code == 0, "another worker does not do it"


def test_a_new_version_needs_a_replay_of_its_own(strop: Strop, opened: Project) -> None:
    """What was clean once says nothing of other words."""
    (opened.folder / "reads.toml").write_text(transcript(spoiled="Leave out"))
    approving = ("skills", "approve", "bells", "--worker", "scripted:reads.toml", "--yes")
    waiting(opened)
    assert strop(*approving).code == 0
    waiting(opened, words="Leave out what is painted white.")
    assert "No canary replay of this version yet" in strop("skills", "show", "bells").err
    assert strop(*approving).code == 1


def test_a_retired_foreign_skill_does_not_come_back_by_its_folder(strop: Strop, opened: Project) -> None:
    """Put back without a clean replay it stays retired, which is told; with one it is a candidate."""
    (opened.folder / "reads.toml").write_text(transcript())
    waiting(opened)
    main = opened.folder / ".agents" / "skills" / "bells" / "SKILL.md"
    move(opened.db, "skill/bells", to=ItemState.CANDIDATE, why="before there were replays", by="user")
    assert strop("skills", "log").code == 0
    settle(opened)
    kept = {path: path.read_bytes() for path in main.parent.rglob("*") if path.is_file()}
    for replayed in (False, True):
        if replayed:
            told = strop("skills", "approve", "bells", "--worker", "scripted:reads.toml", "--yes")
            assert (told.code, state(opened)) == (0, "candidate")
        shutil.rmtree(main.parent)
        settle(opened)
        assert state(opened) == "retired"
        for path, body in kept.items():
            write_whole(path, body)
        notes = settle(opened).notes
        assert state(opened) == ("candidate" if replayed else "retired")
        assert any("skill/bells stays retired: of untrusted descent" in note for note in notes) is not replayed


@pytest.mark.parametrize("kind", [ItemKind.SCRIPT, ItemKind.KNOWLEDGE, ItemKind.STYLE, ItemKind.EXEMPLAR])
def test_what_has_no_words_to_follow_is_refused(strop: Strop, opened: Project, kind: ItemKind) -> None:
    """Exit 2, with the next move, and no model is asked."""
    item = Item(f"{kind}/strange", kind, "", ItemState.QUARANTINE, taint=Taint.UNTRUSTED)
    put(opened.db, opened.blobs, [(item, BELLS)])
    told = strop("skills", "approve", item.id, "--yes")
    assert (told.code, state(opened, item.id)) == (2, "quarantine")
    assert "nothing to replay" in told.err
    assert f"strop skills retire {item.id}" in told.err


def test_without_a_worker_nothing_untrusted_is_approved(strop: Strop, opened: Project) -> None:
    """Exit 2, with the next move; what is not untrusted needs no worker."""
    waiting(opened)
    told = strop("skills", "approve", "bells", "--yes")
    assert (told.code, state(opened)) == (2, "quarantine")
    assert "strop skills approve bells --worker MODEL" in told.err


def test_a_skill_is_retired_and_comes_back(strop: Strop, opened: Project) -> None:
    """With the reason; its folder goes, an approval brings both back."""
    assert strop("skills", "retire", "bells", "--why", "a new form").code == 0
    assert "retired (a new form)" in strop("skills").out
    assert not (opened.folder / ".agents" / "skills" / "bells").exists()
    assert strop("skills", "retire", "bells").code == 2
    assert strop("replay", "bells", "--inputs", "inputs", *SCRIPTED).code == 2
    assert strop("skills", "approve", "bells", "--yes").code == 0
    assert (opened.folder / ".agents" / "skills" / "bells" / "SKILL.md").is_file()


def test_the_library_goes_back_and_forward(strop: Strop, opened: Project) -> None:
    """Bare: to the one before, again and again. By a hash: anywhere, with the same bytes on disk."""
    strop("skills", "approve", "bells", "--yes")
    main = opened.folder / ".agents" / "skills" / "bells" / "SKILL.md"
    active, head = main.read_bytes(), opened.db.head().hash

    told = strop("skills", "rollback")
    assert f"it was {head[:10]}" in told.out
    assert "skill/bells: active -> candidate" in told.out
    assert state(opened) == "candidate"
    assert 'strop-state: "candidate"' in main.read_text()
    assert strop("skills", "rollback").code == 0
    assert not main.exists()
    assert strop("skills", "rollback").code == 2
    told = strop("skills", "rollback", head[:10], "--json")
    assert orjson.loads(told.out)["to"] == head == opened.db.head().hash
    assert main.read_bytes() == active
    assert strop("skills", "rollback", "0000").code == 2
    assert strop("skills", "rollback", head, "--to-run", "01RUN").code == 2


def test_the_log_says_when_by_whom_and_what(strop: Strop, opened: Project) -> None:
    """Oldest first, what counts now bears a star, and programs get states and versions."""
    strop("skills", "approve", "bells", "--yes")
    first, second = strop("skills", "log").out.split("\n* ")
    assert first.splitlines()[1:] == ["    learned skill/bells", "      skill/bells: new, candidate"]
    assert first.splitlines()[0].endswith("01RUN")
    assert second.splitlines()[1:] == [
        "    skill/bells active: approved by hand",
        "      skill/bells: candidate -> active",
    ]
    told = orjson.loads(strop("skills", "log", "--json").out)
    assert told["head"] == told["moves"][1]["manifest"] == opened.db.head().hash
    assert told["moves"][1]["changes"][0]["before"]["state"] == "candidate"
    for _ in range(12):
        strop("skills", "rollback")
        strop("skills", "rollback", told["head"])
    assert strop("skills", "log").out.count("\n    ") >= 20
    assert len(orjson.loads(strop("skills", "log", "--json").out)["moves"]) == 20
    assert len(orjson.loads(strop("skills", "log", "--all", "--json").out)["moves"]) == 26


def test_a_diff_shows_what_changed(strop: Strop, opened: Project) -> None:
    """Against the version before, against any by its hash, and against a library; equal ones read the same."""
    first = opened.db.head()
    assert strop("skills", "diff", "bells").code == 2
    after = put(opened.db, opened.blobs, [
        (replace(ITEM, parent=first.items[0].digest), replace(BELLS, prompts=(("reader-1", "Read slowly.\n"),)))
    ])  # fmt: skip
    for other in ([], [first.items[0].digest[:12]], [first.hash]):
        told = strop("skills", "diff", "bells", *other).out
        assert "-Read.\n+Read slowly.\n" in told
        assert f"+++ assets/prompts/reader-1.md {after.items[0].digest[:10]}" in told
    assert strop("skills", "diff", "bells", after.hash).out == "They read the same.\n"
    assert strop("skills", "diff", "bells", "abcd").code == 2
    assert orjson.loads(strop("skills", "diff", "bells", "--json").out)["from"] == first.items[0].digest
    shown = orjson.loads(strop("skills", "show", "bells", "--json").out)
    assert shown["versions"] == [after.items[0].digest, first.items[0].digest]


def test_an_edit_on_disk_is_told_when_it_is_taken_in(strop: Strop, opened: Project) -> None:
    """The next command that changes the library says so, on stderr."""
    strop("skills", "approve", "bells", "--yes")
    prompt = opened.folder / ".agents" / "skills" / "bells" / "assets" / "prompts" / "reader-1.md"
    prompt.write_text("Read slowly.\n")
    told = strop("skills", "retire", "bells")
    assert told.err == "taken in from disk: skill/bells\n"
    assert told.code == 0


# ---------------------------------------------------------------- rules


def test_a_rule_is_added_listed_and_struck_out(strop: Strop, opened: Project) -> None:
    """It stands in the file and in the library; struck out, it is out of use in both."""
    assert strop("rules", "add", "Count no row twice").code == 0
    told = orjson.loads(strop("rules", "add", "Names are one word", "--check", r"pattern(name, \S+)", "--json").out)
    name = told["rule"]["id"]
    assert (
        (opened.folder / "CONSTRAINTS.md")
        .read_text()
        .endswith("- Count no row twice\n- Names are one word {check: pattern(name, \\S+)}\n")
    )
    assert state(opened, f"check/{name}") == "active"
    assert f"{name}  check   Names are one word" in strop("rules").out

    assert strop("rules", "retire", name).code == 0
    assert "- ~~Names are one word" in (opened.folder / "CONSTRAINTS.md").read_text()
    assert state(opened, f"check/{name}") == "retired"
    assert [rule["text"] for rule in orjson.loads(strop("rules", "--json").out)["rules"]] == ["Count no row twice"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "  "), "is no rule"),
        (("add", "[c-1] mine"), "begins with an id of strop's"),
        (("add", "x", "--check", "rnage(a, 1, 2)"), "is no check"),
        (("add", "x {check: unique(a)}"), "a check goes behind --check"),
        (("retire", "c-9"), "no rule 'c-9'"),
    ],
)
def test_what_is_no_rule_is_refused(strop: Strop, opened: Project, arguments: tuple[str, ...], said: str) -> None:
    """Exit 2, one line, and the file is as it was."""
    told = strop("rules", *arguments)
    assert (told.code, said in told.err) == (2, True), told.err
    assert not (opened.folder / "CONSTRAINTS.md").exists()


def test_a_rule_stands_once(strop: Strop, opened: Project) -> None:
    """The same words again are refused."""
    strop("rules", "add", "Count no row twice")
    assert strop("rules", "add", "Count  no row twice").code == 2


# ---------------------------------------------------------------- the culprit


def test_bisect_finds_the_rule_that_made_a_run_worse(strop: Strop, project: Path) -> None:
    """Four items came in between a run that passed and one that was refused; three replays name the one."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    (good,) = (path.name for path in (project / "runs").iterdir())
    for text, check in (
        ("Late", "range(founded, 1000, 2000)"),
        ("Early", "range(founded, 1, 1500)"),
        ("Any", "unique(name)"),
    ):
        assert strop("rules", "add", text, "--check", check).code == 0
    assert strop("run", "spec.md", *SCRIPTED).code == 1
    bad = max(path.name for path in (project / "runs").iterdir())
    library = open_project(project).db
    head = library.head()
    runs = sorted(path.name for path in (project / "runs").iterdir())

    asked = strop("skills", "bisect", "--run", bad)
    assert asked.code == 4
    assert "4 items changed" in asked.err
    assert f"At most 3 replays of run {bad}" in asked.err
    told = strop("skills", "bisect", "--run", bad, "--good", good, "--yes", "--json")

    assert told.code == 0, told.err
    found = orjson.loads(told.out)
    (early,) = (rule for rule in head.items if rule.id == found["item"])
    assert (found["confirmed"], found["replays"], found["good"]) == (True, 3, good)
    assert "Early" not in (project / "CONSTRAINTS.md").read_text()
    after = library.head()
    assert [change.id for change in changes(head, after)] == [early.id]
    assert sorted(path.name for path in (project / "runs").iterdir()) == runs, "replays leave no run behind"
    assert not list((project / ".strop").glob("bisect-*"))
    assert strop("run", "spec.md", *SCRIPTED).code == 0


def test_a_run_without_a_good_one_before_it_is_told(strop: Strop, project: Path) -> None:
    """Exit 2, with what to name."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    (run,) = (path.name for path in (project / "runs").iterdir())
    told = strop("skills", "bisect", "--run", run)
    assert (told.code, "--good RUN" in told.err) == (2, True)
    assert strop("skills", "rollback", "--to-run", run).code == 0
    assert strop("skills", "list").out.startswith("no skills yet")


def test_a_lapsed_certificate_shows_before_and_after_a_run(strop: Strop, project: Path) -> None:
    """`due since` stands in list and show from the day on, whether a run has marked it yet or not."""
    assert strop("run", "spec.md", *SCRIPTED).code == 0
    assert strop("skills", "approve", "places", "--yes").code == 0
    opened = open_project(project)
    item = opened.db.head().item("skill/places")
    assert item is not None
    measured = Certificate(item.id, item.digest, 0, 0, 0, 0.1, 0, 0.2, 1, 0.1, 9, None, "m", "gate", "2025-01-01")
    opened.db.certify(measured, trial="t", admitted=True)
    for state in ("active", "stale"):
        assert f"{state} (" in strop("skills").out
        assert "due since 2025-06-30" in " ".join(strop("skills").out.split())
        assert "due since 2025-06-30" in strop("skills", "show", "places").err
        assert orjson.loads(strop("skills", "--json").out)["skills"][0]["due"] == "2025-06-30"
        assert strop("run", "spec.md", *SCRIPTED).code == 0
