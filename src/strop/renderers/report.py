"""The report of a run as one HTML file: everything in it, nothing fetched, no script.

Every value links to the passage it was read
from, where its quote is marked. All text is escaped in one place, `elements.py`, whose policy
in the head forbids whatever would get past that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from strop.renderers.cells import grouped
from strop.renderers.elements import el as _el
from strop.renderers.elements import escaped as _text
from strop.renderers.elements import join as _join
from strop.renderers.elements import own as _own
from strop.renderers.elements import page, styled
from strop.renderers.story import Agent, Comparison, Evidence, Figure, File, Found, Judged, Quoted, Story
from strop.renderers.theme import Theme, load_theme

_WINDOW = 320
"""Characters of a source shown on both sides of a quote."""
_WHOLE = 4_000
"""A source of at most so many characters is shown whole."""
_MOST_SHOWN = 4_000_000
"""Characters of all sources together: more makes a page that no browser opens with ease."""
_TOO_MUCH = "Left out, since this page would grow too large. See it with: strop show RUN --claim ID"
_TONES = frozenset({"good", "bad", "warn", "plain"})


def report(story: Story, *, theme: Theme | None = None) -> str:
    """The whole page; it never fails on text, and the same story gives the same page."""
    theme = theme or load_theme()
    sections = [section for section in _sections(story) if section.body]
    links = _join(_el("a", _text(one.title), href=f"#{one.anchor}") for one in sections)
    body = _join(
        [
            _el("header", _masthead(story), class_="masthead"),
            _el("nav", links, class_="contents", aria_label="Contents"),
            _el("main", _join(_section(one) for one in sections)),
            _el("footer", _text(f"strop run {story.run}. Nothing on this page is fetched from anywhere.")),
        ]
    )
    return page(f"{story.title}: {story.outcome}", style=styled(theme, "report.css"), body=body)


# ---------------------------------------------------------------- pieces


def _table(heads: Sequence[str], rows: Iterable[str], *, numbers: frozenset[int] = frozenset()) -> str:
    cells = (_el("th", _text(head), scope="col", class_=_side(place in numbers)) for place, head in enumerate(heads))
    head = _el("thead", _el("tr", "".join(cells)))
    return _el("div", _el("table", head + _el("tbody", _join(rows))), class_="wide", tabindex="0")


def _side(number: bool) -> str:
    return "number" if number else "text"


def _row(cells: Iterable[str], *, numbers: frozenset[int] = frozenset(), class_: str = "") -> str:
    body = "".join(_el("td", cell, class_=_side(place in numbers)) for place, cell in enumerate(cells))
    return _el("tr", body, class_=class_) if class_ else _el("tr", body)


# ---------------------------------------------------------------- the page


@dataclass(frozen=True, slots=True)
class _Section:
    anchor: str
    title: str
    body: str


def _masthead(story: Story) -> str:
    tone = {"passed": "good", "partial": "warn", "awaiting": "warn"}.get(story.outcome, "bad")
    line = _el("span", _text(story.outcome), class_=f"badge {tone}") + _el("code", _text(story.run))
    parts = [_el("p", line, class_="run"), _el("h1", _own(story.title))]
    if story.summary:
        parts.append(_el("p", _own(story.summary), class_="lead"))
    if story.figures:
        parts.append(_el("dl", _join(_figure(one) for one in story.figures), class_="figures"))
    return _join(parts)


def _figure(figure: Figure) -> str:
    tone = figure.tone if figure.tone in _TONES else "plain"
    note = _el("dd", _text(figure.note), class_="note") if figure.note else ""
    return _el(
        "div", _el("dt", _text(figure.name)) + _el("dd", _text(figure.value), class_="value") + note, class_=tone
    )


def _section(section: _Section) -> str:
    return _el("section", _el("h2", _text(section.title)) + section.body, id=section.anchor)


def _sections(story: Story) -> list[_Section]:
    marks = _Marks(story)
    return [
        _Section("scope", "Scope", _prose(story.scope)),
        _Section("unchecked", "Not verified", _unchecked(story.unchecked)),
        _Section("conflicts", "Contradictions", _contradictions(story, marks)),
        _Section("refuter", "Refuting model", _join(_el("p", _own(one)) for one in story.refuter)),
        _Section("findings", "Findings", _findings(story.findings)),
        _Section("values", "Values", _values(story.values, marks)),
        _Section("files", "Files", _files(story.files)),
        _Section("library", "Library", _join(_el("p", _own(one)) for one in story.library)),
        _Section("comparison", "Run against run", _join(_comparison(one) for one in story.comparisons)),
        _Section("quote", "Quoted and used", _quoted(story.quoted)),
        _Section("work", "Work", _work(story.measures, story.projections)),
        _Section("agents", "Agents", _agents(story.agents)),
        _Section("sources", "Sources", _join(marks.passages(number) for number in range(len(story.sources)))),
    ]


def _prose(text: str) -> str:
    return _join(_el("p", _own(part)) for part in re.split(r"\n\s*\n", text) if part.strip())


def _unchecked(sentences: tuple[str, ...]) -> str:
    return _el("ul", _join(_el("li", _own(one)) for one in sentences), class_="unchecked") if sentences else ""


def _contradictions(story: Story, marks: _Marks) -> str:
    """What is said differently, each side with its words; the anchors follow those of the values."""
    heads = ("what", "said", "what was made of it")
    first = len(story.values)
    rows = (
        _el(
            "tr",
            "".join(_el("td", cell, class_="text") for cell in (_own(one.where), sides, _own(one.taken))),
            id=f"v{number}",
        )
        for number, one in enumerate(story.contradictions, start=first)
        for sides in [_join(_side_of(number, place, side, marks) for place, side in enumerate(one.sides))]
    )
    return _table(heads, rows) if story.contradictions else ""


def _side_of(number: int, place: int, side: Evidence, marks: _Marks) -> str:
    said = grouped(side.said) if side.said is not None else "nothing"
    return _el("p", _el("strong", _own(said)) + " " + marks.link(number, place, side), class_="side")


def _findings(findings: tuple[Found, ...]) -> str:
    heads = ("", "kind", "where", "expected", "observed", "rule")
    rows = (
        _row([_severity(one.severity), *map(_own, (one.kind, one.where, one.expected, one.observed, one.rule))])
        for one in findings
    )
    return _table(heads, rows) if findings else ""


def _severity(severity: str) -> str:
    tone = {"fatal": "bad", "flaw": "warn"}.get(severity, "plain")
    return _el("span", _text(severity), class_=f"badge {tone}")


def _files(files: tuple[File, ...]) -> str:
    numbers = frozenset({1})
    rows = (
        _row([_file_link(one), _text(grouped(one.size)), _el("code", _text(one.digest[:16]))], numbers=numbers)
        for one in files
    )
    return _table(("file", "bytes", "SHA-256"), rows, numbers=numbers) if files else ""


def _file_link(file: File) -> str:
    """A link only to a file beside the report: no scheme, no way out of the folder."""
    safe = file.link and not re.search(r"^[/\\]|^[^/]*:|\\|(^|/)\.\.(/|$)", file.link)
    return _el("a", _own(file.name), href=file.link) if safe else _own(file.name)


def _comparison(comparison: Comparison) -> str:
    numbers = frozenset(range(1, len(comparison.heads)))
    rows = (_row([_own(cell) for cell in row], numbers=numbers) for row in comparison.rows)
    note = _el("p", _own(comparison.note), class_="note") if comparison.note else ""
    return _el("h3", _own(comparison.title)) + _table(comparison.heads, rows, numbers=numbers) + note


def _quoted(lines: tuple[Quoted, ...]) -> str:
    numbers = frozenset({1, 2})
    rows = (_row([_own(one.name), _own(one.quoted), _own(one.actual)], numbers=numbers) for one in lines)
    return _table(("", "quoted", "used"), rows, numbers=numbers) if lines else ""


def _work(measures: tuple[Figure, ...], projections: tuple[Comparison, ...]) -> str:
    """What was measured, each line with its meaning; beneath it, side by side where there is room, the rest."""
    numbers = frozenset({1})
    rows = (_row(map(_own, (one.name, one.value, one.note)), numbers=numbers) for one in measures)
    table = [_table(("", "measured", "meaning"), rows, numbers=numbers)] if measures else []
    beneath = [_el("div", _comparison(one)) for one in projections]
    return _join(table + ([_el("div", _join(beneath), class_="beside")] if beneath else []))


def _agents(agents: tuple[Agent, ...]) -> str:
    heads = ("agent", "role", "model", "wave", "steps", "tokens", "seconds", "outcome")
    numbers = frozenset({3, 4, 5, 6})
    rows = (
        _row(
            [
                _el("code", _text(one.name)),
                _own(one.role),
                _own(one.model),
                *map(_text, (str(one.wave), grouped(one.steps), grouped(one.tokens), f"{one.seconds:,.1f}")),
                _own(one.outcome),
            ],
            numbers=numbers,
            class_="" if one.outcome == "landed" else "failed",
        )
        for one in agents
    )
    return _table(heads, rows, numbers=numbers) if agents else ""


# ---------------------------------------------------------------- values and their passages


def _values(values: tuple[Judged, ...], marks: _Marks) -> str:
    heads = ("row", "field", "value", "standing", "read from", "why")
    rows = (_value_row(number, one, marks) for number, one in enumerate(values))
    return _table(heads, rows) if values else ""


def _value_row(number: int, judged: Judged, marks: _Marks) -> str:
    value = _own(grouped(judged.value)) if judged.value is not None else _el("span", "none", class_="none")
    if passage := marks.first(number, judged):
        value = _el("a", value, href=f"#{passage}")
    if judged.said is not None and judged.said != judged.value:
        value += _el("span", "said " + _own(grouped(judged.said)), class_="said")
    links = _join(marks.link(number, place, one) for place, one in enumerate(judged.evidence))
    badge = _el("span", _text(judged.standing.value), class_=f"badge {judged.standing.value}")
    cells = [_own(judged.row), _own(judged.field), value, badge, links, _own("; ".join(judged.reasons))]
    body = "".join(_el("td", cell, class_="text") for cell in cells)
    return _el("tr", body, id=f"v{number}", class_=judged.standing.value)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A quote in a source, and the value that links there."""

    start: int
    end: int
    anchor: str
    value: int
    name: str


class _Marks:
    """Which quotes stand where: links one way from the values, anchors the other in the sources."""

    def __init__(self, story: Story) -> None:
        self._sources = story.sources
        self._number = {source.path: number for number, source in enumerate(story.sources)}
        self._held: dict[int, list[_Mark]] = {number: [] for number in range(len(story.sources))}
        self._anchors: set[str] = set()
        self._room = _MOST_SHOWN
        for number, judged in enumerate(story.values):
            for place, evidence in enumerate(judged.evidence):
                self._add(number, place, f"{judged.row}, {judged.field}", evidence)
        for number, one in enumerate(story.contradictions, start=len(story.values)):
            for place, evidence in enumerate(one.sides):
                self._add(number, place, one.where, evidence)

    def _add(self, number: int, place: int, name: str, evidence: Evidence) -> None:
        source = self._number.get(evidence.source)
        if source is None or evidence.span is None:
            return
        length = len(self._sources[source].text)
        start, end = (min(max(one, 0), length) for one in evidence.span)
        if start < end:
            self._held[source].append(_Mark(start, end, f"q{number}-{place}", number, name))
            self._anchors.add(f"q{number}-{place}")

    def first(self, number: int, judged: Judged) -> str:
        """The anchor of the first quote of a value that stands in its source; empty for none."""
        names = (f"q{number}-{place}" for place in range(len(judged.evidence)))
        return next((name for name in names if name in self._anchors), "")

    def link(self, number: int, place: int, evidence: Evidence) -> str:
        """What a value was read from, as a link to the words where there are words."""
        source = self._number.get(evidence.source)
        if evidence.rests:
            many = "one claim" if evidence.rests == 1 else f"{evidence.rests} claims"
            how = f"follows from {evidence.formula}" if evidence.formula else f"cites {many}"
            return _el("span", _own(how) + _id(evidence), class_="from")
        reader = f"reader {evidence.reader}: " if evidence.reader else ""
        if evidence.locator:
            return _el("span", _el("code", _text(evidence.locator)) + _id(evidence), class_="from")
        name = evidence.quote or evidence.source
        short = name if len(name) <= 90 else name[:89] + "…"
        if source is None:
            return _el("span", _text(reader) + _own(short) + _id(evidence), class_="from")
        marked = f"q{number}-{place}" in self._anchors
        href = f"#q{number}-{place}" if marked else f"#s{source}"
        note = "" if marked else _el("span", " (does not stand there)", class_="said")
        return _el("span", _text(reader) + _el("a", _own(short), href=href) + note + _id(evidence), class_="from")

    def passages(self, number: int) -> str:
        """One source with its quotes marked; of a long one only what is around them."""
        source = self._sources[number]
        marks = sorted(self._held[number], key=lambda mark: (mark.start, mark.end, mark.anchor))
        windows = _windows(len(source.text), marks)
        gap = _el("p", "…", class_="gap")
        self._room -= sum(end - start for start, end in windows)
        if self._room < 0:
            body = _el("p", _text(_TOO_MUCH), class_="note") + "".join(
                _el("a", id=mark.anchor, class_="at") for mark in marks
            )
        else:
            body = gap.join(self._window(source.text, start, end, marks) for start, end in windows)
        digest = _el("code", _text(source.digest[:16]), class_="digest") if source.digest else ""
        read = _el("span", _text(f"read {source.read}"), class_="digest") if source.read else ""
        heading = _el("h3", _own(source.path) + " " + digest + read)
        return _el("article", heading + body, id=f"s{number}")

    def _window(self, text: str, start: int, end: int, marks: Sequence[_Mark]) -> str:
        inside = [mark for mark in marks if start <= mark.start < end]
        note = _el("p", _text(f"characters {start:,} to {end:,} of {len(text):,}"), class_="offsets")
        return note + _el("blockquote", _marked(text, start, end, inside)) + _back(inside)


def _id(evidence: Evidence) -> str:
    """The claim's id, small, and an anchor for links from outside."""
    return " " + _el("code", _text(evidence.claim), class_="claim") if evidence.claim else ""


def _windows(length: int, marks: Sequence[_Mark]) -> list[tuple[int, int]]:
    if length <= _WHOLE:
        return [(0, length)]
    found: list[tuple[int, int]] = []
    for mark in marks:
        start, end = max(0, mark.start - _WINDOW), min(length, mark.end + _WINDOW)
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found or [(0, _WINDOW * 2)]


def _marked(text: str, start: int, end: int, marks: Sequence[_Mark]) -> str:
    """The words from `start` to `end`, quotes marked.

    Overlapping quotes are cut at each other's borders, so elements nest, and every quote has its
    anchor where it begins.
    """
    borders = sorted({start, end, *(mark.start for mark in marks), *(mark.end for mark in marks)})
    parts: list[str] = []
    for low, high in pairwise(borders):
        anchors = "".join(_el("a", id=mark.anchor, class_="at") for mark in marks if mark.start == low)
        words = _text(text[low:high])
        covered = any(mark.start <= low < mark.end for mark in marks)
        parts.append(anchors + (_el("mark", words) if covered else words))
    return "".join(parts)


def _back(marks: Sequence[_Mark]) -> str:
    """The quotes by offset, each with the way back to its value."""
    if not marks:
        return ""
    # Two readers that quote the same words for one value are one line.
    told = dict.fromkeys((f"{mark.start:,} to {mark.end:,}: ", mark.name, mark.value) for mark in marks)
    lines = (_el("li", _text(at) + _el("a", _own(name), href=f"#v{value}")) for at, name, value in told)
    return _el("ul", _join(lines), class_="back")
