"""What knowledge costs and is worth: reading, adding, searching, the floor, and how near a style is.

    python benchmarks/know.py [--passages 10000] [--queries 200] [--json]

Everything is generated from seeds, and no model runs. Search: a collection of documents over a vocabulary whose
words are as unevenly used as in real text (Zipf), with one planted fact a document; answerable questions name a
planted fact among words of their own, unanswerable ones a fact that nobody planted. In other words: the same with
short passages, and questions of which some words are synonyms that stand in no passage, by BM25 alone and fused
with a scripted embedder that was given the synonyms; it shows that fusing works and what it costs, and says nothing
of what an embedding model finds. Reading: the first document of a child process, further ones, and the same in this
process. Style: five houses that write the same matters in manners of their own, two of them alike in outline and
headings; each house's style is learned from six documents, and measured on documents held out.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from strop.app.nearness import near_hits
from strop.checking.calibration import wilson
from strop.learning.styling import distance, fingerprint
from strop.readers.apart import ApartReader
from strop.readers.child import read_here
from strop.stores.index import FLOOR, FtsIndex, mark_of
from strop.stores.vectors import VectorStore
from strop.testing.concepts import Concepts
from strop.types.document import Format, Hit, Query, ReadDocument
from strop.types.vectors import Side
from strop.types.work import Passage

FLOORS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
LET_THROUGH = 0.05
PER_DOCUMENT = 100
WORDS = 110


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


# ---------------------------------------------------------------- search


def vocabulary(chance: random.Random, size: int = 20_000) -> list[str]:
    """Made-up words, the common ones short."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    found = dict.fromkeys("".join(chance.choices(syllables, k=2 + at * 3 // size)) for at in range(size * 2))
    return list(found)[:size]


def collection(chance: random.Random, words: Sequence[str], passages: int) -> Iterator[tuple[ReadDocument, str, int]]:
    """Documents with the words of one planted fact each, and the passage that holds it."""
    weights = [1 / (rank + 3) for rank in range(len(words))]
    for number in range(passages // PER_DOCUMENT):
        texts = [chance.choices(words, weights, k=WORDS) for _ in range(PER_DOCUMENT)]
        fact, at = chance.sample(words[200:], 4), chance.randrange(PER_DOCUMENT)
        texts[at][50:54] = fact
        path = f"knowledge/{number:04}.txt"
        held = tuple(Passage(path, f"line {n}", " ".join(text), "d") for n, text in enumerate(texts))
        yield ReadDocument(path, "d", Format.TEXT, held), " ".join(fact), at


def question(chance: random.Random, fact: str, words: Sequence[str]) -> str:
    """Three of the fact's four words, a common one and one that the passage need not hold, shuffled."""
    asked = [*chance.sample(fact.split(), 3), chance.choice(words[:30]), chance.choice(words[2_000:])]
    chance.shuffle(asked)
    return " ".join(asked)


def searched(passages: int, queries: int, folder: Path) -> list[Figure]:
    chance = random.Random(5)
    words = vocabulary(chance)
    index = FtsIndex(folder / "index.db", floor=0.0)
    planted: list[tuple[str, str, int]] = []
    spent = 0.0
    for document, fact, at in collection(chance, words, passages):
        start = time.perf_counter()
        index.add(document, day="2026-11-22")
        spent += time.perf_counter() - start
        planted.append((document.path, fact, at))
    asked = [chance.choice(planted) for _ in range(queries)]
    good = [question(chance, fact, words) for _, fact, _ in asked]
    bad = [question(chance, " ".join(chance.sample(words[200:], 4)), words) for _ in range(queries)]
    times: list[float] = []
    cpu: list[float] = []
    right = [-1.0] * queries
    wrong = [0.0] * queries
    first = 0
    for at, text in enumerate(good):
        start, worked = time.perf_counter(), time.process_time()
        hits = index.search(Query(text))
        times.append(1_000 * (time.perf_counter() - start))
        cpu.append(1_000 * (time.process_time() - worked))
        path, _, line = asked[at]
        places = [(hit.passage.path, hit.passage.locator) for hit in hits]
        if (path, f"line {line}") in places:
            place = places.index((path, f"line {line}"))
            right[at] = hits[place].coverage
            first += place == 0
    for at, text in enumerate(bad):
        wrong[at] = max((hit.coverage for hit in index.search(Query(text))), default=-1)
    print("\nfloor   answers kept   non-answers let through")
    lowest = 1.0
    for floor in FLOORS:
        kept, through = sum(c >= floor for c in right) / queries, sum(c >= floor for c in wrong) / queries
        lowest = min(lowest, floor) if through <= LET_THROUGH else lowest
        print(f"{floor:5.1f}   {kept:12.1%}   {through:12.1%}{'   <- in use' if floor == FLOOR else ''}")
    slow = sorted(times)[int(0.95 * len(times))]
    kept = sum(c >= FLOOR for c in right) / queries
    through = sum(c >= FLOOR for c in wrong) / queries
    size = (folder / "index.db").stat().st_size
    return [
        Figure("adding", passages / spent, "passages a second"),
        Figure("size of the index", size / passages, "bytes a passage"),
        Figure("a query, median", statistics.median(times), "ms", "< 50", statistics.median(times) < 50),
        Figure("a query, 95 of 100 under", slow, "ms", "< 50", slow < 50),
        Figure("a query, CPU, median", statistics.median(cpu), "ms"),
        Figure("the planted passage is first", first / queries, "of 1"),
        Figure("answerable, answered", kept, "of 1"),
        Figure("unanswerable, answered", through, "of 1"),
        Figure("lowest floor that lets 5 of 100 non-answers through", lowest, "coverage", f"{FLOOR}", lowest == FLOOR),
    ]


# ---------------------------------------------------------------- other words

COSINES = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
DIMENSIONS = 768
SHORT = 12
"""Words of a passage here: an embedder by rule sums words, and a fact would drown among a hundred others."""


@dataclass(frozen=True, slots=True)
class Searching:
    """An index with its vectors, and who made them."""

    index: FtsIndex
    store: VectorStore
    meant: Concepts

    def vector(self, text: str) -> array[float]:
        row = self.meant(text)
        norm = math.hypot(*row)
        return array("f", [each / norm for each in row])

    def fused(self, text: str, *, floor: float) -> tuple[Hit, ...]:
        signs, marks = self.store.signs("s", Side.PASSAGE), self.index.marks()
        return near_hits(self.index, self.store, Query(text), self.vector(text), signs=signs, marks=marks, floor=floor)


def other_words(passages: int, queries: int, folder: Path) -> list[Figure]:
    """Recall of questions in other words: the floor is chosen on as many other questions."""
    chance = random.Random(9)
    words = [word for word in vocabulary(chance) if len(word) >= 4]
    other = {word: f"{word}x{word[::-1]}" for word in words}
    made = Searching(
        FtsIndex(folder / "other.db"),
        VectorStore(folder / "project.db"),
        Concepts([*other.items()], dimensions=DIMENSIONS),
    )
    weights = [1 / (rank + 3) for rank in range(len(words))]
    planted: list[tuple[str, list[str]]] = []
    for number in range(passages // PER_DOCUMENT):
        path, held = f"knowledge/{number:04}.txt", list[Passage]()
        for line in range(PER_DOCUMENT):
            fact = chance.sample(words[200:], 4)
            text = " ".join([*chance.choices(words, weights, k=SHORT - 4), *fact])
            held.append(Passage(path, f"line {line}", text, "d"))
            planted.append((text, fact))
        made.index.add(ReadDocument(path, "d", Format.TEXT, tuple(held)), day="2026-11-22")
        made.store.put("s", Side.PASSAGE, {mark_of(each.text): made.vector(each.text) for each in held})

    def asked(fact: Sequence[str], otherwise: int) -> str:
        """Three of the fact's four words, so many of them said otherwise, and one that the passage need not hold."""
        said = [other[word] if at < otherwise else word for at, word in enumerate(chance.sample(fact, 3))]
        return " ".join([*said, chance.choice(words[5_000:])])

    def let_through(floor: float, bad: Sequence[str]) -> int:
        return sum(bool(made.fused(text, floor=floor)) for text in bad)

    tuned = [asked(chance.sample(words[200:], 4), 3) for _ in range(queries)]
    floor = next((each for each in COSINES if let_through(each, tuned) <= LET_THROUGH * queries), 1.0)
    rows: list[tuple[str, int]] = []
    times: list[float] = []
    cpu: list[float] = []
    for otherwise in range(4):
        alone = fused = 0
        for text, fact in [chance.choice(planted) for _ in range(queries)]:
            said = asked(fact, otherwise)
            made.vector(said)  # the embedder's own time is none of ours
            start, worked = time.perf_counter(), time.process_time()
            near = made.fused(said, floor=floor)
            times.append(1_000 * (time.perf_counter() - start))
            cpu.append(1_000 * (time.process_time() - worked))
            alone += any(hit.passage.text == text for hit in made.index.search(Query(said)))
            fused += any(hit.passage.text == text for hit in near)
        rows += [(f"{otherwise} of 3 words said otherwise, found, BM25 alone", alone)]
        rows += [(f"{otherwise} of 3 words said otherwise, found, fused (scripted)", fused)]
    bad = [asked(chance.sample(words[200:], 4), 3) for _ in range(queries)]
    rows += [("unanswerable, answered, BM25 alone", sum(bool(made.index.search(Query(text))) for text in bad))]
    rows += [("unanswerable, answered, fused (scripted)", let_through(floor, bad))]

    def share(hits: int) -> str:
        between = wilson(hits, queries)
        return f"of 1, n = {queries}, {between.low:.2f}-{between.high:.2f}"

    return [
        *(Figure(name, hits / queries, share(hits)) for name, hits in rows),
        Figure("cosine floor: the lowest that let 5 of 100 others through", floor, "cosine"),
        Figure("a fused query, median", statistics.median(times), "ms"),
        Figure("a fused query, CPU, median", statistics.median(cpu), "ms"),
    ]


# ---------------------------------------------------------------- reading


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1_000 * (time.perf_counter() - start)


def read_times() -> list[Figure]:
    import typst

    pages = 50
    text = " ".join(f"Sentence {n} of this page says little." for n in range(60))
    body = typst.compile("\n#pagebreak()\n".join([f"= Part\n{text}"] * pages).encode())
    read_here(body, path="a.pdf")
    here = min(timed(lambda: read_here(body, path="a.pdf")) for _ in range(5))
    with ApartReader(environment=os.environ) as reader:
        first = timed(lambda: reader.read(b"words", path="a.txt"))
        reader.read(body, path="a.pdf")
        apart = min(timed(lambda: reader.read(body, path="a.pdf")) for _ in range(5))
        small = min(timed(lambda: reader.read(b"words", path="a.txt")) for _ in range(20))
    return [
        Figure("PDF, in this process", here / pages, "ms a page"),
        Figure("PDF, in a child", apart / pages, "ms a page"),
        Figure("a child's first document", first, "ms"),
        Figure("a child's further small document", small, "ms"),
    ]


# ---------------------------------------------------------------- style


@dataclass(frozen=True, slots=True)
class House:
    """A manner of writing: how the same matter is put."""

    name: str
    sections: tuple[str, ...]
    openings: tuple[str, ...]
    joints: tuple[str, ...]
    ends: tuple[str, ...]
    number: Callable[[int], str]
    sentences: int
    """In a paragraph."""
    bullets: bool


HOUSES = (
    House("consultancy", ("Executive Summary", "Background", "Key Findings", "Risks", "Recommendations", "Next Steps"),
          ("We found that", "Our analysis shows that", "Our clients told us that"),
          ("which clearly means", "and we strongly believe", "so we recommend"),
          ("the {noun} must improve.", "our {noun} will certainly grow.", "we act on the {noun} now."),
          lambda n: f"{n:,} units ({n % 90}%)", 3, True),
    House("advisory", ("Executive summary", "Background", "Key findings", "Risks", "Recommendations", "Next steps"),
          ("The data show that", "We find that", "Interviews suggest that"),
          ("which may mean that", "and it is likely that", "so we would suggest that"),
          ("the {noun} could improve over the next two years.", "the {noun} may need a closer look."),
          lambda n: f"{n:,} units ({n % 90} percent)", 4, False),
    House("journal",
          ("Abstract", "1 Introduction", "2 Methods", "3 Results", "4 Discussion", "5 Conclusion", "References"),
          ("It was observed that", "In the present study, it is suggested that", "As has been reported,"),
          ("; however, it may be the case, as was noted by the authors, that", ", which might possibly indicate that"),
          ("the {noun} was not significantly altered.", "the observed {noun} could be explained by prior conditions."),
          lambda n: f"{n} ({n / 7:.2f})", 5, False),
    House("newsletter", ("What happened?", "Why should you care?", "What can you do now?"),
          ("Here's the thing:", "Don't panic!", "You've seen it:", "Look:"),
          ("and", "but it's", "so you'll see"),
          ("the {noun} isn't fine.", "your {noun} won't wait.", "isn't that {noun} great?"),
          lambda n: f"${n}", 2, True),
    House("ministry", ("ANLASS UND ZWECK", "RECHTLICHER HINTERGRUND", "ERGEBNIS", "EMPFEHLUNG"),
          ("Es wird festgestellt, dass", "Nach Prüfung der Unterlagen ist davon auszugehen, dass"),
          ("und dass nach Maßgabe der geltenden Bestimmungen", "sowie dass mit Wirkung vom 12.03.2026"),
          ("der {noun} nicht zu beanstanden ist.", "die Voraussetzungen für den {noun} erfüllt werden."),
          lambda n: f"{n:,}".replace(",", ".") + " EUR", 4, False),
)  # fmt: skip
NOUNS = "harbour budget market archive survey network contract forecast library vehicle permit season warehouse".split()


def written(house: House, chance: random.Random) -> bytes:
    """A document of the house on matters drawn by chance, as Markdown."""
    lines = [f"# {chance.choice(NOUNS).title()} report", ""]
    for section in house.sections:
        lines += [f"## {section}", ""]
        for _ in range(chance.randint(2, 4)):
            said = [sentence(house, chance) for _ in range(chance.randint(house.sentences - 1, house.sentences + 1))]
            lines += [" ".join(said), ""]
        if house.bullets and chance.random() < 0.7:
            lines += [*(f"- {sentence(house, chance)}" for _ in range(chance.randint(2, 4))), ""]
        if chance.random() < 0.2:
            lines += ["| Year | Value |", "|---|---|", f"| 2025 | {house.number(chance.randint(1_000, 9_999))} |", ""]
    return "\n".join(lines).encode()


def sentence(house: House, chance: random.Random) -> str:
    noun, other = chance.choice(NOUNS), chance.choice(NOUNS)
    figure = house.number(chance.randint(1_000, 99_999))
    end = chance.choice(house.ends).format(noun=noun)
    return f"{chance.choice(house.openings)} the {other} reached {figure} {chance.choice(house.joints)} {end}"


def styled(documents: int) -> list[Figure]:
    chance = random.Random(11)
    texts = {
        house.name: [read_here(written(house, chance), path=f"{n}.md") for n in range(6 + documents)]
        for house in HOUSES
    }
    styles = {name: fingerprint(held[:6], name=name) for name, held in texts.items()}
    print("\nmean distance of held-out documents (rows) to styles (columns)")
    print(" " * 14 + "".join(f"{name:>14}" for name in styles))
    nearest = total = 0
    own: list[float] = []
    others: list[float] = []
    for author, held in texts.items():
        rows = [{name: distance(style, each).total for name, style in styles.items()} for each in held[6:]]
        print(f"{author:14}" + "".join(f"{statistics.mean(row[name] for row in rows):14.3f}" for name in styles))
        for row in rows:
            nearest += min(row, key=row.__getitem__) == author
            total += 1
            own.append(row[author])
            others += [figure for name, figure in row.items() if name != author]
    masked = _nearest_by_words(texts)
    return [
        Figure(
            "held-out document is nearest to its own house",
            nearest / total,
            f"of 1, n = {total}",
            "1",
            nearest == total,
        ),
        Figure("the same by words alone, without outline, headings, layout", masked, f"of 1, n = {total}"),
        Figure("distance to its own house, mean", statistics.mean(own), "0 to 1"),
        Figure("largest to its own house", max(own), "0 to 1"),
        Figure("least to another house", min(others), "0 to 1"),
    ]


def _nearest_by_words(texts: dict[str, list[ReadDocument]]) -> float:
    """How often vocabulary, tone, sentences and figures alone find the house."""
    parts = ("sentences", "vocabulary", "words", "tone", "figures")
    styles = {name: fingerprint(held[:6], name=name) for name, held in texts.items()}
    right = total = 0
    for author, held in texts.items():
        for each in held[6:]:
            bare = replace(each, outline=())
            told = {name: dict(distance(style, bare).parts) for name, style in styles.items()}
            sums = {name: sum(found.get(part, 1.0) for part in parts) for name, found in told.items()}
            right += min(sums, key=sums.__getitem__) == author
            total += 1
    return right / total


def main() -> None:
    wishes = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wishes.add_argument("--passages", type=int, default=10_000)
    wishes.add_argument("--queries", type=int, default=200)
    wishes.add_argument("--documents", type=int, default=20, help="held out of each house")
    wishes.add_argument("--json", action="store_true")
    wished = wishes.parse_args()
    with tempfile.TemporaryDirectory(prefix="strop-know-") as folder:
        figures = searched(wished.passages, wished.queries, Path(folder))
        figures += other_words(wished.passages, wished.queries, Path(folder))
    figures += read_times() + styled(wished.documents)
    print()
    for each in figures:
        said = "" if each.met is None else f"   goal {each.goal}: {'met' if each.met else 'NOT met'}"
        print(f"{each.name:60} {each.figure:12,.2f} {each.unit}{said}")
    if wished.json:
        print(json.dumps([asdict(each) for each in figures]))


if __name__ == "__main__":
    main()
