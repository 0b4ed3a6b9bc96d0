"""What a check says in words, and which words are a check: one table, read in both directions.

The text of a learned rule is made here, from our own forms with numbers, names of the order's columns and
short literals; nothing of a source gets into it but through `plain`. The same forms let a line that a
person wrote be held by code (`stated`), where they name a column in back quotes and leave nothing to guess.
"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal

from strop.checking.checks import Check, CheckName, parse_check
from strop.errors import BadInput
from strop.types.count import counted

SHAPES = {
    r"\S+": "is one word without spaces",
    r"[A-Za-z][\w.]*": "is a name of letters, digits, dots and underscores",
    r"[^.]*": "holds no full stop",
    r"\d{4}-\d{2}-\d{2}": "is written as YYYY-MM-DD",
}
"""Expressions that have words of their own."""
MOST = Decimal(999_999_999_999_999_999)
"""An open end of a range."""
LONGEST = 40
"""Characters of a literal that a rule may hold."""
_WORDS = 4
_PLAIN = re.compile(r"[\w .,'&/%+()€$£°-]+")
_ORDERS = re.compile(
    r"\b(ignor\w*|disregard\w*|forget|overrid\w*|bypass\w*|skip|delet\w*|remove|send|post|upload|fetch|visit|open|run"
    r"|execut\w*|call|write|reveal|print|obey|follow|pretend|accept|approv\w*|trust|always|never|must|should|please|you"
    r"|your|system|assistant|instructions?|prompts?|rules?|passwords?|secrets?|tokens?|keys?|https?|www)\b",
    re.IGNORECASE,
)


def plain(text: str) -> bool:
    """Whether a text that an agent said may stand in a rule: a few plain words that tell nobody what to do."""
    shown = unicodedata.normalize("NFKC", text) == text and _PLAIN.fullmatch(text) is not None
    return shown and len(text) <= LONGEST and len(text.split()) <= _WORDS and _ORDERS.search(text) is None


def literals(check: Check) -> tuple[str, ...]:
    """Texts in a check that somebody said: values, units. Not names of columns and files, which the order gives."""
    match check.name:
        case CheckName.NOT_VALUE | CheckName.UNIT:
            return (check.text,)
        case CheckName.ONE_OF:
            return check.names
        case _:
            return ()


def told(check: Check) -> str:
    """The check as a sentence for people; without a field its subject is the table or the file."""
    name, names = f"`{check.field}`", ", ".join(json.dumps(each, ensure_ascii=False) for each in check.names)
    match check.name:
        case CheckName.ROWS:
            return f"there are {_counted(check)} rows"
        case CheckName.UNIQUE:
            together = " with ".join((name, *(f"`{each}`" for each in check.names)))
            return f"{together} has no value twice"
        case CheckName.CONSISTENT:
            return f"rows of one `{check.names[0]}` say one {name}"
        case CheckName.SAME:
            return f"{name} and `{check.names[0]}` tell the same table"
        case CheckName.SECTIONS:
            return f"{name} has the sections {names}"
        case CheckName.ONE_OF:
            return f"{name} is one of {names}"
        case _:
            return f"{name} {_predicate(check)}"


def _predicate(check: Check) -> str:
    match check.name:
        case CheckName.TYPE:
            return f"is of type {check.text}"
        case CheckName.PATTERN:
            return SHAPES.get(check.text, f"matches {check.text}")
        case CheckName.MAX_LENGTH:
            return f"has at most {counted(int(check.high), 'character')}"
        case CheckName.RANGE:
            return _between(check.low, check.high)
        case CheckName.UNIT:
            return f"is a figure in {check.text}"
        case CheckName.NOT_VALUE:
            return f"is not {json.dumps(check.text, ensure_ascii=False)}"
        case CheckName.CITED:
            return "rests on a source"
        case CheckName.QUOTE:
            return "has a quote that stands and says it"
        case CheckName.RECOMPUTE:
            return "is what the table beside it answers"
        case CheckName.AGREE:
            return "is said by two readers"
        case CheckName.NEWER:
            return f"is at most {counted(int(check.high), 'day')} old"
        case CheckName.FORMULA:
            return f"is what {check.text} gives"
        case _:
            return "is drawn from the judged values"


def _between(low: Decimal, high: Decimal) -> str:
    if high in (MOST, Decimal(1_000_000_000)):
        return f"is at least {low:f}"
    return f"is at most {high:f}" if low == -MOST else f"is from {low:f} to {high:f}"


def _counted(check: Check) -> str:
    count = check.count
    if count.least == count.most:
        return f"exactly {count.least}"
    return f"at least {count.least}" if count.least is not None else f"at most {count.most}"


# ---------------------------------------------------------------- a person's line

_NUMBER = r"(-?[0-9]{1,18}(?:\.[0-9]{1,9})?)"
_FIELD = r"`([^`]{1,80})`"
_TEXT = r'"([^"\\]{1,200})"'
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form), check)
    for form, check in (
        (rf"{_FIELD} (?:is|must be) at least {_NUMBER}", f"range({{0}}, {{1}}, {MOST:f})"),
        (rf"{_FIELD} (?:is|must be) at most {_NUMBER}", f"range({{0}}, {-MOST:f}, {{1}})"),
        (rf"{_FIELD} (?:is|must be) (?:from|between) {_NUMBER} (?:to|and) {_NUMBER}", "range({0}, {1}, {2})"),
        (rf"{_FIELD} (?:has|must have) at most ([0-9]{{1,9}}) characters?", "max_length({0}, {1})"),
        (rf"{_FIELD} (?:is|must be) of type ([a-z]+)", "type({0}, {1})"),
        (rf"{_FIELD} (?:is|must be) (?:not|never) {_TEXT}", "not_value({0}, {1})"),
        (rf"{_FIELD} (?:is|must be) one of ({_TEXT}(?:, {_TEXT})*)", "one_of({0}, {1})"),
        (rf"{_FIELD} (?:is|must be) (?:unique|never twice)", "unique({0})"),
        (rf"{_FIELD} has no value twice", "unique({0})"),
        (rf"{_FIELD} (?:is|must be) at most ([0-9]{{1,9}}) days? old", "newer({0}, {1})"),
        (rf"{_FIELD} (?:is|must be) one word without spaces", r"pattern({0}, \S+)"),
        (rf"{_FIELD} (?:is|must be) a figure in {_TEXT}", "unit({0}, {1})"),
        (r"there (?:are|must be) at least ([0-9]{1,9}) rows?", "rows(>={0})"),
        (r"there (?:are|must be) at most ([0-9]{1,9}) rows?", "rows(<={0})"),
        (r"there (?:are|must be) exactly ([0-9]{1,9}) rows?", "rows(={0})"),
    )
)


def stated(line: str) -> Check | None:
    """The check that a person's line is word for word; None where anything would have to be guessed."""
    text = line.strip().removesuffix(".").strip()
    for form, check in _FORMS:
        found = form.fullmatch(text)
        if found is None:
            continue
        quoted = [json.dumps(part or "", ensure_ascii=False) for part in found.groups()]
        parts = list(found.groups(""))
        if parts and form.pattern.startswith(_FIELD):
            parts[0] = quoted[0]
        if check.startswith(("not_value", "unit")):
            parts[1] = quoted[1]
        try:
            return parse_check(check.format(*parts))
        except BadInput:
            return None
    return None
