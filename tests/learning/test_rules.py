"""CONSTRAINTS.md: the user's file, to which we add lines and in which we change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.errors import BadInput
from strop.learning.rules import HEADER, add_rules, lines_of, read_rules, struck_out
from strop.types.memory import CheckKind, Constraint, ItemState

ONE_WORD = Constraint(
    "c-1a2b3c4d", "`first` is one word", "3 refuted values broke it", CheckKind.CHECK, "", r"pattern(first, \S+)"
)
AT_LEAST = Constraint("c-00ff00ff", "`rows` is at least 1", "1 broke it", CheckKind.CHECK, "", "range(rows, 1, 9)")
MINE = "# Ours\r\n\r\nSome prose.\r\n- Count no row twice.\r\n* not a rule\r\n\r\n\r\n"

lines = st.lists(
    st.one_of(
        st.sampled_from(["- mine", "- ~~[c-1a2b3c4d] out~~", "# head", "", "  ", "-", "- [c-9] x {check: unique(a)}"]),
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="{}"), max_size=20),
    )
)


@given(lines.map("\n".join))
def test_what_a_person_wrote_is_kept_byte_for_byte(text: str) -> None:
    """New rules come after everything that stands there; a file that says nothing gets our header."""
    after = add_rules(text, [ONE_WORD, AT_LEAST])

    assert after.startswith(text if text.strip() else HEADER)
    assert after.endswith("\n")
    assert AT_LEAST in read_rules(after)


def test_line_ends_of_other_systems_stay() -> None:
    """A file written on Windows keeps its line ends, and its blank lines at the end."""
    after = add_rules(MINE, [AT_LEAST])

    assert after.startswith(MINE)
    assert [rule.text for rule in read_rules(after)] == ["Count no row twice.", "`rows` is at least 1"]


def test_a_rule_is_read_back_as_it_was_written() -> None:
    """Id, words, check and reason make the round trip through the file."""
    assert read_rules(add_rules("", [ONE_WORD, AT_LEAST])) == (ONE_WORD, AT_LEAST)


def test_adding_again_changes_nothing() -> None:
    """A rule that is there by its id is not written twice."""
    once = add_rules(MINE, [ONE_WORD])

    assert add_rules(once, [ONE_WORD]) == once
    assert add_rules(once, []) == once


@pytest.mark.parametrize("struck", ["- ~~[c-1a2b3c4d] out~~", "- [c-1a2b3c4d] ~~`first` is one word~~"])
def test_what_was_struck_out_is_no_rule_and_does_not_come_back(struck: str) -> None:
    """A person's no counts: the rule is not read, and not added again."""
    text = f"{HEADER}{struck}\n"

    assert read_rules(text) == ()
    assert add_rules(text, [ONE_WORD]) == text


def test_words_changed_by_hand_stay_under_their_id() -> None:
    """An edited rule keeps its id: it is the user's version that holds, and ours is not added beside it."""
    text = "- [c-1a2b3c4d] first is one short word {check: max_length(first, 9)} <!-- reason: I know better -->\n"

    (rule,) = read_rules(text)

    assert (rule.id, rule.check, rule.reason) == ("c-1a2b3c4d", "max_length(first, 9)", "I know better")
    assert add_rules(text, [ONE_WORD]) == text


def test_a_broken_check_names_its_line() -> None:
    """The third line cannot be read: it is named, with the checks there are."""
    with pytest.raises(BadInput, match=r"CONSTRAINTS\.md line 3: 'rnage\(rows, 1, 9\)' is no check"):
        read_rules("- fine\n\n- [c-1] x {check: rnage(rows, 1, 9)}\n")


@given(st.text(alphabet="abc xyz", min_size=1, max_size=12).filter(str.strip), st.text(alphabet="abc\n", max_size=20))
def test_the_id_of_a_hand_written_rule_depends_on_its_words_alone(words: str, before: str) -> None:
    """Wherever it stands, among whatever else, a line keeps its id; other words are another rule."""
    (alone,) = read_rules(f"- {words}\n")

    moved = read_rules(f"{before}\n- {words}\n# end\n")[-1]

    assert moved == alone
    assert alone.kind is CheckKind.HAND
    assert read_rules(f"- {words} more\n")[0].id != alone.id


def test_kinds_tell_who_keeps_a_rule() -> None:
    """By hand and without a check: said to the model. With a check: by code, and no token is spent on it."""
    kinds = [rule.kind for rule in read_rules("- by hand\n- [c-1] told\n- coded {check: unique(name)}\n")]

    assert kinds == [CheckKind.HAND, CheckKind.PROMPT, CheckKind.CHECK]


def test_what_the_user_struck_out_is_not_learned_again() -> None:
    """Striking a line out is a decision: its check is known, and stays out of what is learned."""
    line = "- [c-1a2b3c4d] `first` is one word"
    text = add_rules("", [ONE_WORD, AT_LEAST]).replace(line, f"- ~~{line[2:]}~~")

    assert read_rules(text) == (AT_LEAST,)
    assert struck_out(text) == frozenset({ONE_WORD.check, ONE_WORD.id})


# ---------------------------------------------------------------- edits by hand


def test_a_line_of_plain_english_that_is_a_check_is_held_by_code() -> None:
    """Word for word one of our forms: it costs no token. Anything else stays a line for the model, untouched."""
    held, said = read_rules("- `year` is from 1800 to 2026\n- Count no bell twice.\n")

    assert (held.kind, held.check) == (CheckKind.GRAMMAR, "range(year, 1800, 2026)")
    assert (said.kind, said.check) == (CheckKind.HAND, "")


@pytest.mark.parametrize("check", ["max_length(name, 12)", "range(year, 1800, 2026)"])
def test_a_learned_bound_is_no_grammar(check: str) -> None:
    """What a grammar cuts off nobody ever says, so nothing could speak against it; a person's own bound binds."""
    (learned,) = read_rules(f"- [c-1a2b3c4d] `name` is short {{check: {check}}}\n")
    (own,) = read_rules(f"- [h-1a2b3c4d] `name` is short {{check: {check}}}\n")

    assert (learned.kind, own.kind) == (CheckKind.CHECK, CheckKind.GRAMMAR)


def test_a_learned_line_without_its_check_is_not_compiled_behind_the_users_back() -> None:
    """Who took the check out of a learned line wanted words."""
    (rule,) = read_rules("- [c-00ff00ff] `rows` is at least 1\n")

    assert (rule.kind, rule.check) == (CheckKind.PROMPT, "")


def test_only_what_is_in_force_gets_into_the_file() -> None:
    """Candidates and what is in quarantine are no line of it."""
    waiting = [replace(ONE_WORD, state=state) for state in (ItemState.CANDIDATE, ItemState.QUARANTINE)]

    assert add_rules("", waiting) == ""
    assert read_rules(add_rules("", [*waiting, AT_LEAST])) == (AT_LEAST,)


def test_each_rule_knows_its_line() -> None:
    """For messages that point into the file; struck lines have none."""
    text = add_rules("# Mine\n\n- Count no bell twice.\n- ~~gone~~\n", [ONE_WORD])

    assert lines_of(text) == {read_rules(text)[0].id: 3, ONE_WORD.id: 5}
