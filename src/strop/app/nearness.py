"""What is near by its meaning: passages and items of the library, fused with what is near by its words.

An embedder that fails takes nothing away: it is said once, and what follows is found by its words alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strop.app.embedding import Books, Embedding, OutsideBooks, RunBooks, expected, vectors_of
from strop.app.knowing import MOST_SEARCHED, index_of, search
from strop.app.parts import SystemChance, SystemClock, build_embedder
from strop.app.project import Project
from strop.app.ratchet import options_of, recalled
from strop.errors import BudgetExhausted, ConfigRefused, EgressRefused, MissingPart, ModelFailure
from strop.learning.fusion import fused
from strop.learning.scopes import order_class
from strop.learning.selection import asked
from strop.loop.plan import Recall
from strop.seams import Chance, Clock, Desk, Embedder
from strop.stores.index import FtsIndex
from strop.stores.vectors import Signs, VectorStore, cosine
from strop.types.count import counted
from strop.types.document import Hit, Query
from strop.types.memory import USED, Manifest
from strop.types.money import NANOS_PER_DOLLAR, dollars
from strop.types.vectors import Side
from strop.types.work import Passage, Spec

ALONE = "what follows is found by its words alone"


@dataclass(frozen=True, slots=True)
class Near:
    """What an embedder says for one plan."""

    cosines: Mapping[str, float] | None
    """Of items with the spec, by item id; None where it said nothing."""
    recall: Recall


@dataclass(slots=True)
class Sense:
    """Looks things up by their meaning for one run or command. Owned by it; silent after its first failure."""

    project: Project
    embedding: Embedding
    warn: Callable[[str], None]
    failed: str = field(default="", init=False)
    """Why it fell silent."""
    bare: int = field(default=0, init=False)
    """Passages without a vector."""

    @property
    def told(self) -> dict[str, object]:
        """For run.json."""
        made = self.embedding
        name = made.embedder.card.name
        return {
            "model": name,
            "asked": made.asked,
            "tokens": made.tokens,
            "nanos": made.nanos,
            "without_vector": self.bare,
            "failed": self.failed,
        }

    async def items(self, query: str, words: Mapping[str, str]) -> Mapping[str, float] | None:
        """Cosines of items' words with a query, by item id; None where there are none or nobody could say."""
        texts = [text for text in words.values() if text.strip()]
        if not texts or not query.strip():
            return None
        found = await self._vectors([query], Side.QUERY)
        held = await self._vectors(texts, Side.ITEM) if found is not None else None
        if found is None or held is None:
            return None
        return {name: cosine(found[query], held[text]) for name, text in words.items() if text in held}

    async def search(self, queries: Sequence[Query]) -> list[tuple[Hit, ...]]:
        """The best passages for each query by words and meaning; none where neither floor lets one in.

        Raises:
            JournalFault.
        """
        index = index_of(self.project)
        store, space = self.embedding.store, self.embedding.embedder.card.space
        signs, marks = store.signs(space, Side.PASSAGE), index.marks()
        self._note_bare(sum(mark not in signs.rows for mark in marks.values()), len(marks))
        there = len(marks) > self.bare
        texts = list(dict.fromkeys(query.words for query in queries if query.words.strip())) if there else []
        found = await self._vectors(texts, Side.QUERY) if texts else None
        if found is None:
            return [search(self.project, query) for query in queries]
        floor = self.project.config.settings.embeddings.floor
        return [
            near_hits(index, store, query, vector, signs=signs, marks=marks, floor=floor) if vector else ()
            for query in queries
            for vector in (found.get(query.words),)
        ]

    def _note_bare(self, bare: int, of: int) -> None:
        if bare and bare != self.bare:
            have = "has" if bare == 1 else "have"
            self.warn(
                f"{bare:,} of {counted(of, 'passage')} {have} no vector and can be found by words alone. "
                "Make them with: strop know embed"
            )
        self.bare = bare

    async def _vectors(self, texts: Sequence[str], side: Side) -> Mapping[str, array[float]] | None:
        if self.failed:
            return None
        try:
            return await self.embedding.vectors(texts, side=side)
        except (ModelFailure, BudgetExhausted, EgressRefused, ConfigRefused) as caught:
            self.failed = f"{type(caught).__name__}: {caught}"
            self.warn(f"the embedder failed, so {ALONE}: {caught}")
            return None


def near_hits(
    index: FtsIndex,
    store: VectorStore,
    query: Query,
    vector: array[float],
    *,
    signs: Signs,
    marks: Mapping[int, str],
    floor: float,
) -> tuple[Hit, ...]:
    """The best passages by words and by meaning; `vector` is the query's, `marks` are all passages of the index."""
    narrowed = marks if not (query.paths or query.formats or query.since) else index.marks(query)
    by_words = index.ranked(replace(query, most=MOST_SEARCHED))
    cosines = store.nearest(vector, signs, set(narrowed.values()), most=MOST_SEARCHED)
    meant = {row: cosines[mark] for row, mark in narrowed.items() if cosines.get(mark, -1.0) >= floor}
    passages = index.at([row for row in meant if row not in by_words])  # what was taken out meanwhile is not there
    hits = by_words | {row: Hit(passage, 0.0, 0.0) for row, passage in passages.items()}
    order = sorted((row for row in meant if row in hits), key=lambda row: (-meant[row], hits[row].passage.path, row))
    scores = fused([list(by_words), order])
    best = sorted(scores, key=lambda row: (-scores[row], hits[row].passage.path, row))[: query.most]
    near = {row: round(cosines[mark], 4) for row in best if (mark := marks.get(row, "")) in cosines}
    return tuple(replace(hits[row], cosine=near.get(row)) for row in best)


def embedder_of(project: Project) -> tuple[Embedder | None, str]:
    """(who turns texts into vectors, why not where strop.toml names one that has no key here).

    Raises:
        ConfigRefused: the role is bound to what cannot serve it.
    """
    locator = project.config.locator("embedder", project.environment)
    if not locator:
        return None, ""
    try:
        return build_embedder(project, locator), ""
    except MissingPart as caught:
        return None, f"the embedder cannot be asked, so {ALONE}: {caught}"


# ---------------------------------------------------------------- inside a run


def sense_of(
    project: Project,
    embedder: Embedder | None,
    desk: Desk,
    *,
    clock: Clock,
    chance: Chance,
    warn: Callable[[str], None],
) -> Sense | None:
    """What a run looks things up by, on its own record; None without an embedder."""
    if embedder is None:
        return None
    return Sense(project, Embedding(embedder, vectors_of(project), RunBooks(desk), clock, chance), warn)


async def near_of(sense: Sense, spec: Spec, manifest: Manifest) -> Near:
    """What is near a spec; only items are compared that are not made for its very class of orders."""
    cosines = None
    if spec.each is not None:
        options, _ = options_of(sense.project, spec, manifest)
        exact = order_class(spec)
        words = {
            each.item.id: each.words for each in options if each.item.state in USED and each.item.scope.order != exact
        }
        cosines = await sense.items(asked(spec), words)

    async def recall(goals: Sequence[str]) -> Sequence[tuple[Passage, ...]]:
        found = await sense.search([Query(goal, most=MOST_SEARCHED) for goal in goals])
        return [recalled(sense.project, goal, hits) for goal, hits in zip(goals, found, strict=True)]

    return Near(cosines, recall)


async def recall_by_words(project: Project, goals: Sequence[str]) -> Sequence[tuple[Passage, ...]]:
    """The passages that are near each goal by its words."""
    return [recalled(project, goal) for goal in goals]


# ---------------------------------------------------------------- outside runs


async def searched(project: Project, query: Query, *, warn: Callable[[str], None]) -> tuple[Hit, ...]:
    """The best passages by words, and by meaning where an embedder is bound. What it costs stands in `project.db`.

    Raises:
        ConfigRefused, JournalFault.
    """
    embedder, why = embedder_of(project)
    if embedder is None:
        if why:
            warn(why)
        return search(project, query)
    try:
        embedding = _outside(project, embedder, why="know search")
        return (await Sense(project, embedding, warn).search([query]))[0]
    finally:
        await embedder.close()


@dataclass(frozen=True, slots=True)
class Made:
    """Vectors of the passages that are known."""

    model: str
    made: int
    """Passages that were paid for now."""
    left: int
    """Passages that have none."""
    tokens: int
    nanos: int
    failed: str = ""
    """Why some are left."""
    unrelated: float | None = None
    """The cosine that 19 of 20 pairs of passages drawn by chance stay under."""

    @property
    def said(self) -> str:
        """In a sentence."""
        cost = f"{self.tokens:,} tokens, {_said(self.nanos)}"
        return f"{counted(self.made, 'vector')} made by {self.model}: {cost}"


async def embed_known(
    project: Project, *, why: str, say: Callable[[str], None], notice: Callable[[int], None] = lambda texts: None
) -> Made | None:
    """Make a vector of every known passage that has none; None where no embedder is bound or its key is missing.

    `say` hears the price before anything is paid, and why nothing is. A failure is data: what was made is kept.

    Raises:
        ConfigRefused, JournalFault.
    """
    embedder, absent = embedder_of(project)
    if embedder is None:
        if absent:
            say(absent)
        return None
    try:
        embedding = _outside(project, embedder, why=why)
        index = index_of(project)
        signs = embedding.store.signs(embedder.card.space, Side.PASSAGE)
        bare = [row for row, mark in index.marks().items() if mark not in signs.rows]
        texts = list(dict.fromkeys(passage.text for passage in index.at(bare).values()))
        if not texts:
            return Made(embedder.card.name, 0, 0, 0, 0)
        about, most = expected(texts, embedder)
        say(
            f"{counted(len(texts), 'passage')} to embed with {embedder.card.name}: expected {_said(about)}, at most "
            f"{_said(most)}; [learning] usd is {project.config.settings.learning.usd:g}"
        )
        failed = ""
        try:
            await embedding.vectors(texts, side=Side.PASSAGE, notice=notice)
        except (ModelFailure, BudgetExhausted, EgressRefused) as caught:
            failed = str(caught)
        unrelated = embedding.store.unrelated(embedder.card.space)
        if unrelated is not None and unrelated >= (floor := project.config.settings.embeddings.floor):
            say(
                f"[embeddings] floor is {floor:g}, and of passages drawn by chance one pair in twenty reaches "
                f"{unrelated:.2f}: raise it, or questions without an answer are given one"
            )
        left, done = len(texts) - embedding.asked, embedding.asked
        return Made(embedder.card.name, done, left, embedding.tokens, embedding.nanos, failed, unrelated)
    finally:
        await embedder.close()


def _said(nanos: int) -> str:
    """Dollars; of what is next to nothing, that."""
    return "under $0.0001" if 0 < nanos < NANOS_PER_DOLLAR // 10_000 else dollars(nanos)


def _outside(project: Project, embedder: Embedder, *, why: str) -> Embedding:
    store, clock = vectors_of(project), SystemClock()
    books: Books = OutsideBooks(project, store, embedder, why, clock)
    return Embedding(embedder, store, books, clock, SystemChance())
