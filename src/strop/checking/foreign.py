"""Files that strop did not make, held against the sources that they should rest on. No model, no network.

Pure over what independent readers saw. Each table cell and each figure of a sentence is looked for:

    cell     the source table's row with the same key, column by name; else the documents about that key
             (named so, or naming it), else all; else whether it follows from its row's other figures
    figure   of a sentence: stands in a source or in one of the files' own tables, or is a sum, mean,
             median, least, largest, count or share of a column there
    stated   "total", "mean" and so on of a named column of the files' own tables is computed again,
             as are the total rows of the tables themselves
    date     ISO dates older than a bound, where one is given
    link     of Markdown and HTML, inside the document and to files beside it

A figure that is found proves that somebody wrote it, not that it is about the same thing: the reasons say
what was found where. Whole numbers up to `SMALL` stand everywhere and are left out of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import PurePosixPath

from strop.checking.foreign_tables import (
    Match,
    Material,
    aggregate,
    body_of,
    derived,
    figures_of,
    follows,
    is_total,
    key_of,
    labels_of,
    matches,
    rounds,
    same_cell,
    told_figure,
)
from strop.checking.judge import SMALL
from strop.checking.opened import Opened, Sheet
from strop.checking.quotes import as_number, locate, normal, states
from strop.checking.sentences import sentences
from strop.types.content import Scalar, Standing
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Claim, Finding, Severity, Value
from strop.types.work import Column, TaskId, UnitKey

TASK = TaskId("verify")
FIGURE = re.compile(r"(?<![\w.,/-])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w|[.,/]\d|-\d)")
DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
_PAGE = re.compile(r"\s*(?:page\s+)?\d+(?:\s*(?:/|of)\s*\d+)?\s*", re.IGNORECASE)
_STATED: Mapping[str, str] = {
    "total": "sum", "sum": "sum", "altogether": "sum", "average": "mean", "mean": "mean", "median": "median",
    "highest": "max", "maximum": "max", "largest": "max", "lowest": "min", "minimum": "min", "smallest": "min",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """One file to be gated, as a reader saw it."""

    name: str
    opened: Opened
    table: bool
    """Whether its tables are what it says; else its text is."""
    links: tuple[str, ...] = ()
    """Targets of its links, as written."""
    anchors: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    """Files that a relative link may mean and that are there."""
    columns: tuple[Column, ...] = ()
    """As the spec orders them, where there is one."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the deterministic layer found."""

    values: tuple[Value, ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def looked(files: Sequence[Given], material: Sequence[Material], *, oldest: date | None = None) -> Looked:
    """Every value of the files with where it stands, and what is wrong; `oldest` bounds ISO dates."""
    desk = _Desk(tuple(files), tuple(material))
    for given in files:
        if given.table:
            for sheet in given.opened.sheets:
                desk.table(given, sheet)
        else:
            desk.prose(given)
        desk.links(given)
        if oldest is not None:
            desk.dates(given, oldest)
    lines = [*desk.skipped()]
    if oldest is None:
        lines.append("How old dates may be: not checked; say it with --max-age DAYS.")
    return Looked(tuple(desk.values), tuple(desk.findings), tuple(lines))


@dataclass(slots=True)
class _Desk:
    """One examination."""

    files: tuple[Given, ...]
    material: tuple[Material, ...]
    values: list[Value] = field(default_factory=list[Value])
    findings: list[Finding] = field(default_factory=list[Finding])
    external: int = 0
    small: int = 0

    # ------------------------------------------------------------ tables

    def table(self, given: Given, sheet: Sheet) -> None:
        """Every row of a sheet, by key where a source table has one."""
        name = f"{given.name} {sheet.name}".strip()
        match = next((found for each in self.material for found in matches(sheet, each)), None)
        key = match.key if match is not None else key_of(sheet)
        body = [row for row in sheet.rows if not is_total(row)]
        for number, row in enumerate(sheet.rows, start=1):
            if is_total(row):
                self._total(given, sheet, number, row, body)
                continue
            label = row[key].strip() if key is not None else ""
            for place, column in enumerate(sheet.names):
                if place < len(row) and row[place].strip():
                    self._cell(given, sheet, number, place, column, row, label, match)
            if match is not None and label and normal(label) not in match.rows:
                self._flaw("source", given.name, f"row {number}, {sheet.names[key or 0]}", f"a row of {match.path}",
                           label, f"every row of {name} is one of {match.path}")  # fmt: skip

    def _cell(
        self, given: Given, sheet: Sheet, number: int, place: int, column: str, row: Sequence[str], label: str,
        match: Match | None,
    ) -> None:  # fmt: skip
        cell, where = row[place].strip(), f"row {number}, {column}"
        twin = match.rows.get(normal(label)) if match is not None else None
        if match is not None and twin is not None and place in match.columns:
            said = match.sheet.rows[twin][match.columns[place]].strip()
            locator = f"table:row {twin + 1}, {match.sheet.names[match.columns[place]]}({match.path})"
            claim = Claim(TASK, _row(given, number), column, _scalar(said), match.path, "", locator=locator)
            if same_cell(cell, said):
                self._value(given, number, column, cell, Standing.ACCEPTED, claim, f"{match.path} says the same")
            else:
                self._value(given, number, column, cell, Standing.REFUTED, claim, f"{match.path} says {said}")
                rule = f"{column} of {label} says what row {twin + 1} of {match.path} says"
                self._flaw("source", given.name, where, said or "nothing", cell, rule)
            return
        self._sought(given, sheet, number, place, column, row, label)

    def _sought(
        self, given: Given, sheet: Sheet, number: int, place: int, column: str, row: Sequence[str], label: str
    ) -> None:
        """A cell without a source table: in the documents about its row, or by arithmetic."""
        cell, where = row[place].strip(), f"row {number}, {column}"
        figure = as_number(cell)
        about = self._about(label)
        others = [each for each in labels_of(sheet) if label and each != label]
        claim = self._stated(cell, about, label, column, UnitKey(_row(given, number)), others)
        stray = _said_of(claim.quote, label, others) if claim is not None and figure is not None else ""
        if claim is not None and not stray:
            found = f"{claim.source} states it"
            self._value(given, number, column, cell, Standing.UNVERIFIED, claim, found)
        elif figure is not None and follows(figure, place, row):
            self._value(given, number, column, cell, Standing.ACCEPTED, None, "follows from the row's other figures")
        else:
            self._value(given, number, column, cell, Standing.REFUTED, None, "no source states it")
            wanted = next((each for each in given.columns if each.name == column), None)
            firm = figure is not None or (wanted is not None and wanted.quote)
            elsewhere = self._stated(cell, self.material, "", column, UnitKey("")) if about != self.material else None
            seen = f"{cell} (stands only in {elsewhere.source})" if elsewhere is not None else cell
            seen = f"{cell} (said of {stray})" if stray else seen
            expected = f"a value that {_listed(about)} states"
            rule = f"every value of {column} stands in the sources"
            self._found("source", given.name, where, expected, seen, rule, Severity.FLAW if firm else Severity.NOTE)

    def _about(self, label: str) -> tuple[Material, ...]:
        """The documents about a row: named as its key, else naming it; all where none does."""
        if not label or as_number(label) is not None:
            return self.material
        named = tuple(each for each in self.material if normal(PurePosixPath(each.path).stem) == normal(label))
        return named or tuple(each for each in self.material if states(label, each.text)) or self.material

    def _stated(
        self,
        cell: str,
        about: Sequence[Material],
        label: str,
        column: str,
        row: UnitKey,
        others: Sequence[str] = (),
    ) -> Claim | None:
        """The best sentence that states a cell, as a claim: one about another row only where there is no other."""
        value = _scalar(cell)
        best: tuple[int, Claim] | None = None
        for each in about:
            for passage in sentences(each.text):
                words = passage.within(each.text)
                if not (states(value, words) or (isinstance(value, str) and locate(value, words) is not None)):
                    continue
                near = 2 * bool(label and states(label, words)) + any(states(part, words) for part in _parts(column))
                near -= 3 * bool(_said_of(words, label, others))
                if best is None or near > best[0]:
                    mark = digest_bytes(each.text.encode())
                    span = (passage.start, passage.end)
                    best = near, Claim(TASK, row, column, value, each.path, mark, quote=words, span=span)
        return best[1] if best is not None else None

    def _total(
        self, given: Given, sheet: Sheet, number: int, row: Sequence[str], body: Sequence[Sequence[str]]
    ) -> None:
        """A total row is computed again from the rows above it."""
        kind = _STATED.get(row[0].strip().lower().removeprefix("grand ").rstrip("s"), "sum")
        for place, column in enumerate(sheet.names):
            said, figures = as_number(row[place].strip()) if place < len(row) else None, figures_of(body, place)
            if said is None or not figures:
                continue
            right = aggregate(kind, figures)
            if not rounds(right, row[place]):
                where, rule = (
                    f"row {number}, {column}",
                    f"a total is computed from the rows above it ({kind} of {column})",
                )
                self._flaw("recompute", given.name, where, f"{kind} {told_figure(right)}", row[place], rule)

    # ------------------------------------------------------------ prose

    def prose(self, given: Given) -> None:
        """Every figure of a document's sentences, and what they state of the files' own tables."""
        text = given.opened.text
        own = [sheet for each in self.files for sheet in each.opened.sheets]
        for passage in sentences(text):
            words = " ".join(passage.within(text).split())
            if _PAGE.fullmatch(words):
                continue
            line = f"line {text.count(chr(10), 0, passage.start) + 1}"
            wrong = self._restated(given, words, line, own)
            for said in dict.fromkeys(FIGURE.findall(DAY.sub(" ", words))):
                figure = as_number(said)
                if figure is None or said in wrong:
                    continue
                if abs(figure) <= SMALL and figure == int(figure):
                    self.small += 1
                    continue
                self._figure(given, words, line, said, figure, own)

    def _figure(self, given: Given, words: str, line: str, said: str, figure: Decimal, own: Sequence[Sheet]) -> None:
        row, name = UnitKey(f"{given.name} {line}"), said
        labels = [label for sheet in own for label in labels_of(sheet) if states(label, words)]
        about = tuple(dict.fromkeys(each for label in labels for each in self._about(label))) or self.material
        claim = self._stated(said, about, labels[0] if labels else "", "", row)
        if claim is not None:
            claim = Claim(TASK, row, name, words, claim.source, claim.source_hash, quote=claim.quote, span=claim.span)
            self.values.append(
                Value(row, name, words, Standing.UNVERIFIED, (claim,), (f"{claim.source} states {said}",))
            )
            return
        sheets = [*own, *(sheet for each in self.material for sheet in each.sheets)]
        how = derived(said, figure, words, sheets)
        if how:
            self.values.append(Value(row, name, words, Standing.ACCEPTED, (), (how,)))
            return
        share = re.search(rf"{re.escape(said)}\s*(?:%|per ?cent)", words) is not None
        self.values.append(Value(row, name, words, Standing.REFUTED, (), ("no source states it",), words))
        rule = "every figure of a sentence stands in the sources, or follows from the tables"
        severity = Severity.NOTE if share else Severity.FLAW
        self._found("source", given.name, line, f"a figure that {_listed(about)} states", f"{said}: {words}", rule,
                    severity)  # fmt: skip

    def _restated(self, given: Given, words: str, line: str, own: Sequence[Sheet]) -> set[str]:
        """Sums and means of the files' own tables, computed again; the figures that were found wrong."""
        kinds = {_STATED[word] for word in re.findall(r"[a-z]+", words.lower()) if word in _STATED}
        said = [each for each in FIGURE.findall(DAY.sub(" ", words)) if as_number(each) is not None]
        named = [
            (sheet, place) for sheet in own for place, name in enumerate(sheet.names)
            if figures_of(body_of(sheet), place) and any(states(part, words) for part in _parts(name))
        ]  # fmt: skip
        if len(kinds) != 1 or not said or not named or any(states(e, words) for s, _ in named for e in labels_of(s)):
            return set()
        (kind,) = kinds
        rights = [aggregate(kind, figures_of(body_of(sheet), place)) for sheet, place in named]
        if any(rounds(right, each) for right in rights for each in said):
            return set()
        sheet, place = named[0]
        if len({told_figure(right) for right in rights}) > 1:
            return set()
        rule = f"{kind} of {sheet.names[place]} is computed again from the table"
        self._flaw("recompute", given.name, line, f"{kind} {told_figure(rights[0])}", words, rule)
        return set(said)

    # ------------------------------------------------------------ links and dates

    def links(self, given: Given) -> None:
        """Links inside the document and to files beside it; others are counted."""
        for target in dict.fromkeys(given.links):
            if re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE):
                self.external += 1
                continue
            path, _, anchor = target.partition("#")
            if path and path not in given.beside:
                self._flaw("link", given.name, target, "a file that is there", "none", "every link leads somewhere")
            elif not path and anchor and anchor.lower() not in given.anchors:
                self._flaw("link", given.name, target, "a place in the document", "none", "every link leads somewhere")

    def dates(self, given: Given, oldest: date) -> None:
        """ISO dates before a day."""
        for number, line in enumerate(given.opened.text.splitlines(), start=1):
            for said in DAY.findall(line):
                try:
                    old = date.fromisoformat(said) < oldest
                except ValueError:
                    continue
                if old:
                    rule = "no date is older than was allowed"
                    self._flaw("stale", given.name, f"line {number}", f"{oldest} or later", said, rule)

    def skipped(self) -> Iterator[str]:
        """What was left out, in sentences."""
        if self.external:
            yield f"{self.external} links to other machines were not followed: nothing is sent from here."
        if self.small:
            yield f"{self.small} whole numbers up to {SMALL} in sentences were not looked for: they stand everywhere."

    # ------------------------------------------------------------ notes

    def _value(
        self, given: Given, number: int, column: str, cell: str, standing: Standing, claim: Claim | None, reason: str
    ) -> None:
        claims = (claim,) if claim is not None else ()
        shown = None if standing is Standing.REFUTED else _scalar(cell)
        said = _scalar(cell) if standing is Standing.REFUTED else None
        reasons = ("data agree", reason) if claim is not None and claim.locator and shown is not None else (reason,)
        self.values.append(Value(UnitKey(_row(given, number)), column, shown, standing, claims, reasons, said))

    def _flaw(self, kind: str, artefact: str, locator: str, expected: str, observed: str, rule: str) -> None:
        self._found(kind, artefact, locator, expected, observed, rule, Severity.FLAW)

    def _found(
        self, kind: str, artefact: str, locator: str, expected: str, observed: str, rule: str, severity: Severity
    ) -> None:
        self.findings.append(Finding(kind, artefact, locator, expected[:300], observed[:300], rule, severity))


def _said_of(words: str, label: str, others: Sequence[str]) -> str:
    """Another row that a sentence names, where it does not name this one; else nothing."""
    if not label or states(label, words):
        return ""
    return next((other for other in others if states(other, words)), "")


# ---------------------------------------------------------------- words and figures


def _row(given: Given, number: int) -> UnitKey:
    return UnitKey(f"{given.name} row {number}")


def _scalar(cell: str) -> Scalar:
    figure = as_number(cell)
    if figure is None:
        return cell
    return int(figure) if figure == int(figure) else float(figure)


def _parts(column: str) -> list[str]:
    """A column's name as words may say it."""
    spaced = column.replace("_", " ").strip()
    return [part for part in dict.fromkeys((column, spaced, spaced.rstrip("s"))) if len(part) > 2]


def _listed(about: Sequence[Material]) -> str:
    paths = [each.path for each in about]
    return paths[0] if len(paths) == 1 else f"one of {len(paths)} sources"


def oldest_day(today: date, *, days: int) -> date:
    """The oldest day that is allowed."""
    return today - timedelta(days=days)
