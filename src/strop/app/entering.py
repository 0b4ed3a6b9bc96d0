"""Where what a run leaves comes into the library: each new item climbs the ladder, and what a rung refuses is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strop.app.project import Project
from strop.app.ratchet import came_to_nothing, waits
from strop.app.ruling import RECENT, deliveries, rules_for
from strop.learning.admission import Rung, Twin
from strop.learning.climbing import contradicts, of_run, repeats, same, told
from strop.learning.corpus import Kept
from strop.learning.generality import corpus
from strop.learning.library import RULES, SKILLS
from strop.learning.making import Body, skill_item
from strop.types.events import revive
from strop.types.memory import USED, Constraint, Item, ItemState, Manifest, Skill
from strop.types.trial import Run, Verdict
from strop.types.work import Script

Entry = tuple[Item, Body]


@dataclass(frozen=True, slots=True)
class Born:
    """What the new items of a run are held against."""

    verdict: Verdict
    sources: Callable[[], Mapping[str, str]]
    """Text by place, asked for once."""
    files: Sequence[str]
    """What its agents could read."""
    prompts: Mapping[str, str]
    """The installed ones."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of the new items."""

    entries: tuple[Entry, ...]
    """To be put into the library; what a rung refused is in quarantine."""
    again: tuple[Item, ...]
    """What was left once more, under the ids of the items that say it already: this run is another witness."""
    stopped: tuple[tuple[str, str], ...]
    """(item, rung and sentence)."""


def entered(project: Project, entries: Sequence[Entry], *, run: Run, born: Born | None) -> Entered:
    """Have each item climb, in order.

    What is there already in other words is not put in a second time: it would split the evidence, and take a place
    in every wave for what nobody could tell apart. Neither is a second skill for such orders while one is yet to be
    tried. All else that is refused goes to quarantine. A skill beside one in use is its challenger.
    """
    if not entries:
        return Entered((), (), ())
    assert born is not None, "what a run leaves was born in it"
    hall = _Hall(project, run)
    against = corpus(run, verdict=born.verdict, files=born.files, sources=born.sources())
    made: list[Entry] = []
    again: list[Item] = []
    back: list[tuple[str, str]] = []
    for item, body in entries:
        climbed = of_run(
            item,
            body,
            against=against,
            spec=run.plan.spec,
            known=born.prompts,
            conflict=lambda each, body=body: hall.conflict(each, body),
        )
        if climbed.refused is not None:
            back.append((item.id, told(climbed)))
        found = hall.found if climbed.refused is Rung.CONFLICT else None
        if climbed.refused is Rung.CONFLICT and (found is not None or item.kind in SKILLS):
            again += [replace(item, id=found.item)] if found is not None and not hall.shelved(found) else []
            continue
        why = told(climbed)
        made.append((replace(item, state=ItemState.QUARANTINE, why=why) if why else hall.seated(item), body))
        hall.rules += [body] if isinstance(body, Constraint) and not why else []
    return Entered(tuple(made), tuple(again), tuple(back))


def already_there(project: Project, run: Run, skill: Skill) -> bool:
    """Whether a skill in the library says the same as one that a run would leave."""
    hall = _Hall(project, run)
    hall.conflict(skill_item(skill, run=run, inputs=()), skill)
    return hall.found is not None


@dataclass(slots=True)
class _Hall:
    """What is there already, while the items of one run come in. Owned by `entered`."""

    project: Project
    run: Run
    head: Manifest = field(init=False)
    rules: list[Constraint] = field(init=False)
    """Those that hold, and those that came in before."""
    found: Twin | None = None
    """The twin of the item that was looked at last."""
    _past: tuple[Kept, ...] | None = None

    def __post_init__(self) -> None:
        self.head, self.rules = self.project.db.head(), list(rules_for(self.project, self.run.plan.spec))

    def conflict(self, item: Item, body: Body) -> str:
        """What says the same, or the contrary."""
        others = {each: self._body(each) for each in self.head.items if each.kind is item.kind and self._speaks(each)}
        self.found = same(item, body, others=others)
        if self.found is not None:
            return repeats(self.found, there=self._there(self.found))
        if isinstance(body, Constraint):
            return contradicts(body, rules=self.rules, past=self._deliveries)
        return waits(self.project, self.run.plan.spec) if item.kind in SKILLS else ""

    def seated(self, item: Item) -> Item:
        """A skill beside one in use for such orders is a version of it, and has to win a duel."""
        if item.kind not in SKILLS:
            return item
        like = (each for each in self.head.items if each.kind is item.kind and each.scope == item.scope)
        used = next((each for each in like if each.state in USED), None)
        return item if used is None else replace(item, parent=used.digest)

    def shelved(self, found: Twin) -> bool:
        """Whether what says the same is out of use: then another run's word does not help it."""
        return self._there(found).state not in USED | {ItemState.CANDIDATE}

    def _speaks(self, item: Item) -> bool:
        """Whether it keeps its like out. Of skills that came to nothing another may do better; then `waits` counts."""
        return item.kind not in SKILLS or not came_to_nothing(self.project, item)

    def _body(self, item: Item) -> Body:
        kind = Skill if item.kind in SKILLS else Constraint if item.kind in RULES else Script
        return revive(kind, self.project.blobs.get(item.digest))

    def _there(self, found: Twin) -> Item:
        item = self.head.item(found.item)
        assert item is not None, "a twin is an item of this library"
        return item

    def _deliveries(self) -> tuple[Kept, ...]:
        if self._past is None:
            self._past = deliveries(self.project, self.run.plan.spec, but=self.run.id, most=RECENT)
        return self._past
