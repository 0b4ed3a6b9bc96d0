"""What the report of a run keeps."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from strop.renderers.report import report
from strop.renderers.story import (
    Agent,
    Comparison,
    Evidence,
    Figure,
    File,
    Found,
    Judged,
    Quoted,
    Source,
    Story,
)
from strop.types.content import Standing

_TEXT = "Format\n\nA data frame with 601 observations on 9 variables.\n\naffairs: how often"
_QUOTE = "601 observations on 9 variables"
_AT = (_TEXT.index(_QUOTE), _TEXT.index(_QUOTE) + len(_QUOTE))
_STORY = Story(
    title="A catalogue",
    run="01KAQ7",
    outcome="passed",
    scope="Read each page.",
    figures=(Figure("accepted", "1", "of 2 values", "good"),),
    values=(
        Judged("affairs", "rows", 601, Standing.ACCEPTED, (Evidence(601, "inputs/a.txt", _QUOTE, _AT, reader=1),)),
        Judged("affairs", "columns", 9, Standing.UNVERIFIED, (Evidence(9, "inputs/a.txt", "nowhere", None),)),
        Judged("affairs", "counted", 600, Standing.ACCEPTED, (Evidence(600, "a.csv", locator="table:rows(a.csv)"),)),
    ),
    findings=(Found("note", "disagreement", "affairs, rows", "601", "600"),),
    files=(File("catalogue.csv", 12, "ab" * 32, "files/catalogue.csv"),),
    unchecked=("No refuting model ran.",),
    quoted=(Quoted("steps", "40", "44"),),
    measures=(Figure("parallelism", "2.5", "steps over critical steps"),),
    projections=(Comparison("With n agents", ("agents", "seconds"), (("1", "9.5"), ("2", "5.0")), "Predicted."),),
    agents=(Agent("read-1/affairs", "reader", 1, 8, 5400, 21.4, "landed"),),
    comparisons=(Comparison("Two runs", ("", "run 1"), (("accepted", "1"),)),),
    sources=(Source("inputs/a.txt", _TEXT, "cd" * 32),),
)
_BAD = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;\x00\ud800\u202e"


class _Page(HTMLParser):
    """Elements, anchors and links of a page; text by the element around it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.marked: list[str] = []
        self.text: list[str] = []
        self.keys: set[str] = set()
        self._in_mark = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self._in_mark = tag == "mark"
        held = dict(attrs)
        self.keys.update(held)
        self.ids += [held["id"] or ""] if "id" in held else []
        self.links += [held["href"] or ""] if "href" in held else []

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._in_mark:
            self.marked.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_mark = False


def test_every_link_leads_somewhere_on_the_page() -> None:
    """Each link is an anchor that exists, or a file beside the report; no anchor is there twice."""
    page = _Page(report(_STORY))
    assert len(page.ids) == len(set(page.ids))
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["files/catalogue.csv"]


def test_a_value_leads_to_its_marked_words() -> None:
    """From the value one gets to its quote, marked, with its offsets, and back to the value."""
    text = report(_STORY)
    assert '<td class="text"><a href="#q0-0"><bdi>601</bdi></a></td>' in text
    assert f'<a id="q0-0" class="at"></a><mark>{_QUOTE}</mark>' in text
    assert f'{_AT[0]} to {_AT[1]}: <a href="#v0">' in text
    assert _Page(text).marked == [_QUOTE]


def test_a_quote_that_does_not_stand_there_is_not_marked() -> None:
    """Without a span the link goes to the source, and the page says that the words are not there."""
    text = report(_STORY)
    assert re.search(r'<a href="#s0"><bdi>nowhere</bdi></a><span class="said"> \(does not stand there\)', text)


def test_overlapping_quotes_are_all_marked() -> None:
    """Quotes that overlap keep their anchors, and the words between stand once."""
    value = _STORY.values[0]
    spans = ((0, 10), (5, 20), (5, 12), (19, 10_000), (7, 7))
    evidence = tuple(Evidence(1, "inputs/a.txt", "q", span) for span in spans)
    page = _Page(report(replace(_STORY, values=(replace(value, evidence=evidence),))))
    assert {"q0-0", "q0-1", "q0-2", "q0-3"} <= set(page.ids)
    assert "q0-4" not in page.ids
    assert _TEXT in "".join(page.text)


def test_text_is_never_markup() -> None:
    """Hostile text in every field makes no element, attribute, script or link of its own."""
    held = replace(
        _STORY,
        title=_BAD, run=_BAD, outcome=_BAD, scope=_BAD, summary=_BAD,
        figures=(Figure(_BAD, _BAD, _BAD, _BAD),),
        values=(Judged(_BAD, _BAD, _BAD, Standing.REFUTED, (Evidence(_BAD, _BAD, _BAD, (0, 9), _BAD),
                Evidence(_BAD, _BAD, _BAD, (0, 9))), (_BAD,), _BAD),),
        findings=(Found(_BAD, _BAD, _BAD, _BAD, _BAD, _BAD),),
        files=(File(_BAD, 1, _BAD, _BAD),),
        unchecked=(_BAD,),
        quoted=(Quoted(_BAD, _BAD, _BAD),),
        measures=(Figure(_BAD, _BAD, _BAD, _BAD),),
        projections=(Comparison(_BAD, (_BAD, _BAD), ((_BAD, _BAD),), _BAD),),
        agents=(Agent(_BAD, _BAD, 1, 1, 1, 1.0, _BAD, _BAD),),
        comparisons=(Comparison(_BAD, (_BAD, _BAD), ((_BAD, _BAD),), _BAD),),
        sources=(Source(_BAD, _BAD, _BAD),),
    )  # fmt: skip
    text = report(held)
    page, plain = _Page(text), _Page(report(_STORY))
    assert set(page.names) <= set(plain.names)
    assert page.keys <= plain.keys
    assert "\x00" not in text
    assert "\u202e" not in text
    text.encode("utf-8")


def test_the_work_stands_with_its_meaning() -> None:
    """Each measure has its meaning beside it, and beneath stands what other numbers of agents would have taken."""
    text = report(_STORY)
    section = text[text.index('<section id="work">') : text.index('<section id="agents">')]
    cells = ("parallelism", "2.5", "steps over critical steps", "With n agents", "9.5", "5.0", "Predicted.")
    places = [section.index(f">{cell}</") for cell in cells]
    assert places == sorted(places)
    assert '<section id="work">' not in report(replace(_STORY, measures=(), projections=()))


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//host/x", "/etc/passwd", "../../x", "a/../../x", "http://h/", "\\\\h\\x"]
)
def test_a_file_link_stays_beside_the_report(link: str) -> None:
    """Only a relative path below the report becomes a link."""
    held = replace(_STORY, files=(File("x", 1, "d", link),))
    assert link not in _Page(report(held)).links


def test_nothing_is_fetched_and_nothing_runs() -> None:
    """No script, no outside address, and a policy that forbids both."""
    text = report(_STORY)
    assert "script" not in _Page(text).names
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert not re.search(r"https?://|@import|url\(|src=", text)


def test_a_long_source_is_shown_around_its_quotes() -> None:
    """Of a book only the passage is shown, with offsets that count in the whole."""
    book = "filler " * 2_000 + "THE WORDS" + " filler" * 2_000
    at = (book.index("THE"), book.index("THE") + 9)
    value = replace(_STORY.values[0], evidence=(Evidence(1, "inputs/a.txt", "THE WORDS", at),))
    text = report(replace(_STORY, values=(value,), sources=(Source("inputs/a.txt", book),)))
    assert len(text) < 25_000
    assert f"characters {at[0] - 320:,} to {at[1] + 320:,} of {len(book):,}" in text
    assert _Page(text).marked == ["THE WORDS"]


def test_an_empty_story_is_a_page_without_empty_sections() -> None:
    """A run that did nothing has a report without headings over nothing, and equal bytes twice."""
    bare = Story("Nothing", "01", "interrupted", "")
    text = report(bare)
    assert "<section" not in text
    assert text == report(bare)
