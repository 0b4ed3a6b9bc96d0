"""CONSTRAINTS.md against the library: a person's line is honoured, ours follow the library, nothing else is touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from strop.errors import BadInput
from strop.learning.ruledrift import Held, Line, lines_now, rules_said, rules_written, struck_names, with_struck
from strop.learning.rules import read_rules
from strop.types.memory import CheckKind, Constraint, Item, ItemKind, ItemState, Origin

ONE = Constraint("c-1", "`first` is one word", "3 broke it", CheckKind.CHECK, "first", r"pattern(first, \S+)")
TWO = Constraint("c-2", "`rows` is at least 1", "1 broke it", CheckKind.GRAMMAR, "rows", "range(rows, 1, 9)")
PROSE = "# Ours\r\n\r\nSome prose.\r\n* no rule\r\n"


def item(rule: Constraint, state: ItemState = ItemState.ACTIVE) -> Item:
    kind = ItemKind.CHECK if rule.check else ItemKind.CONSTRAINT
    return Item(f"{kind}/{rule.id}", kind, f"hash of {rule.text}", state)


@dataclass
class World:
    """A file, a library, and what was seen of the file; `look` is one settling, as `app/drift.py` does it."""

    text: str = ""
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    lines: dict[str, Line] = field(default_factory=dict[str, Line])

    def learn(self, *rules: Constraint, state: ItemState = ItemState.ACTIVE) -> None:
        self.held |= {item(rule).id: (item(rule, state), rule) for rule in rules}

    def look(self) -> tuple[list[str], list[str]]:
        """(items that the file gave, items that it took away)."""
        said = rules_said(self.text, held=list(self.held.values()), lines=self.lines)
        self.held |= {made.id: (replace(made, digest=f"hash of {rule.text}"), rule) for made, rule in said.entries}
        for name, why in said.retired:
            made, rule = self.held[name]
            self.held[name] = replace(made, state=ItemState.RETIRED, why=why), rule
        self.text = rules_written(self.text, held=list(self.held.values()), own=said.own)
        self.lines = lines_now(self.text, own=said.own)
        return [made.id for made, _ in said.entries], [name for name, _ in said.retired]

    def state(self, name: str) -> ItemState:
        return self.held[name][0].state


def settled(*rules: Constraint, text: str = "") -> World:
    world = World(text)
    world.learn(*rules)
    world.look()
    return world


def test_what_was_learned_is_written_once() -> None:
    """Rules in use become lines behind what stands there; a second look gives and writes nothing."""
    world = settled(ONE, TWO, text=PROSE)

    assert world.text.startswith(PROSE)
    assert world.text.count("- [c-") == 2
    before = world.text
    assert world.look() == ([], [])
    assert world.text == before


def test_a_line_by_hand_is_an_active_rule_and_keeps_its_words() -> None:
    """The user's words enter the library as theirs; the line itself is not touched, whatever the library does."""
    world = World(f"{PROSE}- Count no row twice.\r\n")

    ((name,), gone) = world.look()

    made, rule = world.held[name]
    assert (made.kind, made.origin, made.state, made.cites) == (
        ItemKind.CONSTRAINT, Origin.USER, ItemState.ACTIVE, ("CONSTRAINTS.md",),
    )  # fmt: skip
    assert (rule.text, gone) == ("Count no row twice.", [])
    assert world.text == f"{PROSE}- Count no row twice.\r\n"
    assert world.look() == ([], [])
    del world.held[name]
    assert world.look() == ([name], []), "a rollback to before it: the line stands, so the rule does"


def test_an_edited_line_is_a_new_version_of_the_users() -> None:
    """Other words under our id: their version holds, ours is its parent, and no look writes over it."""
    world = settled(ONE, TWO)
    theirs = world.text.replace("`first` is one word", "first is one short word")
    world.text = theirs

    assert world.look() == (["check/c-1"], [])

    made, rule = world.held["check/c-1"]
    assert (made.parent, made.origin, made.state) == (item(ONE).digest, Origin.USER, ItemState.ACTIVE)
    assert rule.text == "first is one short word"
    world.held["check/c-1"] = (item(ONE), ONE)
    world.look()
    assert world.text == theirs


def test_a_check_added_by_hand_makes_another_kind_of_item() -> None:
    """The line becomes a check, and the prompt line that it was is retired."""
    line = Constraint("c-3", "amounts are whole", "", CheckKind.PROMPT)
    world = settled(line)
    world.text = world.text.replace("amounts are whole", "amounts are whole {check: range(amount, 0, 9)}")

    assert world.look() == (["check/c-3"], ["constraint/c-3"])
    assert world.state("constraint/c-3") is ItemState.RETIRED


@pytest.mark.parametrize("state", ItemState)
def test_a_line_that_is_taken_out_retires_its_rule(state: ItemState) -> None:
    """Out of the file, out of use; it is not written again. What was not in use is left as it is."""
    world = settled(ONE, TWO)
    world.held["check/c-1"] = (item(ONE, state), ONE)
    world.text = "".join(line for line in world.text.splitlines(keepends=True) if "[c-1]" not in line)

    used = state in (ItemState.ACTIVE, ItemState.PROBATION, ItemState.STALE)
    assert world.look() == ([], ["check/c-1"] if used else [])
    assert "[c-1]" not in world.text
    assert world.look() == ([], [])


def test_a_file_that_is_gone_takes_its_rules_along() -> None:
    """The user threw it away: every rule that stood in it is retired, and it is not written again."""
    world = settled(ONE, TWO)
    world.text = ""

    assert world.look()[1] == ["check/c-1", "check/c-2"]
    assert world.text == ""


def test_a_struck_line_retires_its_rule_and_stays() -> None:
    """Struck out by hand, or by the command: retired with that reason, and the line is there to be read."""
    world = settled(ONE, TWO, text="- Count no row twice.\n")
    hand = next(name for name in world.held if name.startswith("constraint/h-"))
    for name in ("c-1", hand.partition("/")[2]):
        world.text = with_struck(world.text, name)

    assert sorted(world.look()[1]) == sorted(["check/c-1", hand])
    assert world.held["check/c-1"][0].why == "struck out of CONSTRAINTS.md"
    assert "- ~~[c-1] `first` is one word" in world.text
    assert "- ~~Count no row twice.~~" in world.text
    assert struck_names(world.text) == {"c-1", hand.partition("/")[2]}
    with pytest.raises(BadInput, match="no rule 'c-9'"):
        with_struck(world.text, "c-9")


@pytest.mark.parametrize("state", [ItemState.QUARANTINE, ItemState.RETIRED, ItemState.CANDIDATE, None])
def test_a_rule_that_the_library_took_out_of_use_leaves_the_file(state: ItemState | None) -> None:
    """By admission, or by a rollback to before it: our line goes, the rest stays, and no one reads it as an edit."""
    world = settled(ONE, TWO, text=PROSE)
    if state is None:
        del world.held["check/c-1"]
    else:
        world.held["check/c-1"] = (item(ONE, state), ONE)

    assert world.look() == ([], [])
    assert "- [c-1]" not in world.text
    assert "[c-2]" in world.text
    assert world.text.startswith(PROSE)
    world.learn(ONE)
    assert world.look() == ([], [])
    assert "[c-1]" in world.text, "forward again"


def test_a_check_that_evidence_put_away_is_told_below_the_rules() -> None:
    """As a comment, with the reason; it is no rule, comes once, and goes when the check is back."""
    world = settled(ONE, TWO, text=PROSE)
    world.held["check/c-1"] = (replace(item(ONE, ItemState.QUARANTINE), why="4 of 4 -- said again"), ONE)

    assert world.look() == ([], [])
    last = world.text.splitlines()[-1]
    assert last.startswith("<!-- in quarantine: [c-1] `first` is one word")
    assert "4 of 4 - - said again. Back: strop skills approve check/c-1" in last
    assert [rule.id for rule in read_rules(world.text)] == ["c-2"]
    text = world.text
    assert world.look() == ([], [])
    assert world.text == text
    world.learn(ONE)
    world.look()
    assert "in quarantine" not in world.text


def test_a_rule_that_the_library_changed_is_rewritten_in_its_place() -> None:
    """Our line as we left it follows the item, where it stands and with its line end."""
    world = settled(ONE, TWO, text=PROSE)
    world.text = world.text.replace("\n", "\r\n").replace("\r\r", "\r")
    world.lines = lines_now(world.text, own=frozenset())
    world.learn(replace(ONE, text="`first` is a single word"))

    assert world.look() == ([], [])
    lines = world.text.splitlines(keepends=True)
    assert lines[-2].startswith("- [c-1] `first` is a single word {check:")
    assert lines[-2].endswith("-->\r\n")
    assert "[c-2]" in lines[-1]


def test_without_a_memory_only_what_differs_is_an_edit() -> None:
    """A project from before lines were remembered: equal lines are ours, others a person's."""
    world = settled(ONE, TWO)
    world.lines = {}
    world.text = world.text.replace("is at least 1", "is at least one")

    assert world.look() == (["check/c-2"], [])


def test_a_check_that_cannot_be_read_names_its_line() -> None:
    """Nothing is taken in from a file with a broken check."""
    with pytest.raises(BadInput, match=r"CONSTRAINTS\.md line 2: 'rnage\(a, 1, 2\)' is no check"):
        rules_said("- fine\n- x {check: rnage(a, 1, 2)}\n", held=(), lines={})


def test_a_persons_line_is_never_taken_back() -> None:
    """Also where the library came to hold no such rule between the look and the writing."""
    text = "- Count no row twice.\n"
    own = frozenset(lines_now(text, own=frozenset()))

    assert rules_written(text, held=(), own=own) == text
    assert rules_written(text, held=(), own=frozenset()) == "", "given back to the library, it goes with its item"
