"""What each rung of the ladder asks of a new item, by whoever brings it; `admission.climb` tries them in their order.

                a run leaves it            it is imported             a person wrote it on disk
    form        its files and its check    the static scan            what nobody can see in it
                are well made; the scan
    provenance  events of a run            its folder, by hash        their word
    generality  says nothing of its run    (its run is not here)      (theirs to say what they like)
    conflict    nothing says it already,   nothing says it already    (theirs; where lines contradict each
                or the contrary                                        other, contradictions.in_force decides)

What stands in brackets does not apply, and passes. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from strop.checking.checks import parse_check
from strop.checking.patterns import compiled
from strop.errors import BadInput
from strop.learning.admission import Climb, Rung, Twin, climb, twin, uncited
from strop.learning.contradictions import contradiction
from strop.learning.corpus import Kept
from strop.learning.generality import Corpus, first, leaks_of, leaks_of_rules, said_by
from strop.learning.library import SKILLS
from strop.learning.lifecycle import SHELVED
from strop.learning.making import Body
from strop.learning.scanning import Found, scanned
from strop.learning.skillform import flaws
from strop.learning.skillmd import is_foreign, projection
from strop.types.count import counted
from strop.types.fingerprint import canonical, digest_bytes
from strop.types.memory import Constraint, Item, ItemState, Skill
from strop.types.work import Script, Spec

STOPPED = "stopped at "
"""How the `why` of an item begins that a rung has refused."""
_NOTHING: Mapping[str, str] = {}


def told(climbed: Climb) -> str:
    """The rung that refused and its sentence, as the item's `why`; empty where none did."""
    return f"{STOPPED}{climbed.refused}: {climbed.why}" if climbed.refused is not None else ""


def stopped(item: Item) -> bool:
    """Whether a rung keeps it from being a candidate: then it is no reason against another that passes."""
    return item.state is ItemState.QUARANTINE and item.why.startswith(STOPPED)


def of_run(
    item: Item, body: Body, *, against: Corpus, spec: Spec, known: Mapping[str, str], conflict: Callable[[Item], str]
) -> Climb:
    """How far an item comes that a run leaves. `known` are the installed prompts by name."""
    return climb(
        item,
        rungs={
            Rung.FORM: lambda it: _form(it, body) or _scan(body, spec=spec, known=known),
            Rung.PROVENANCE: uncited,
            Rung.GENERALITY: lambda it: specific(body, against=against, known=known),
            Rung.CONFLICT: conflict,
        },
    )


def of_import(item: Item, *, found: Sequence[Found], same: Twin | None = None) -> Climb:
    """How far a skill comes that was made elsewhere, in which the scan `found` so much."""
    return climb(
        item,
        rungs={
            Rung.FORM: lambda it: _summed(found),
            Rung.PROVENANCE: lambda it: "" if it.cites else "nobody knows where it comes from",
            Rung.GENERALITY: lambda it: "",
            Rung.CONFLICT: lambda it: f"it says what {same.item} says" if same is not None else "",
        },
    )


def waiting(item: Item, *, found: Sequence[Found], same: Twin | None = None) -> Item:
    """A foreign skill as it waits in quarantine, which no rung can let it out of: with what the person should know."""
    why = told(of_import(item, found=found, same=same)) or "the static scan found nothing, which proves nothing"
    return replace(item, why=f"{item.why}; {why}")


def of_person(item: Item, skill: Skill) -> Climb:
    """How far a version comes that a person wrote on disk.

    What they wrote is theirs to say; what they cannot see in it, somebody else did.
    """
    ours = [each for each in scanned(dict(said_by(skill, known=_NOTHING))) if each.kind == "hidden"]
    return climb(
        item,
        rungs={
            Rung.FORM: lambda it: _form(it, skill) or "; ".join(map(str, ours[:1])),
            Rung.PROVENANCE: lambda it: "",
            Rung.GENERALITY: lambda it: "",
            Rung.CONFLICT: lambda it: "",
        },
    )


# ---------------------------------------------------------------- form


def _summed(found: Sequence[Found]) -> str:
    if not found:
        return ""
    kinds = sorted({each.kind for each in found})
    first = "; ".join(str(each) for each in found[:3])
    return f"{counted(len(found), 'finding')} ({', '.join(kinds)}): {first}"


def _form(item: Item, body: Body) -> str:
    """What is wrong with its form; of a skill with the files that it would be."""
    try:
        match body:
            case Skill():
                return "; ".join(flaws(body.name, projection(body, item=item))[:1])
            case Constraint() if body.check:
                parse_check(body.check)
            case Constraint():
                return "" if body.text.strip() and "\n" not in body.text else "it is no rule of one line"
            case Script():
                compiled(body.pattern)
    except BadInput as caught:
        return str(caught)
    return ""


def _scan(body: Body, *, spec: Spec, known: Mapping[str, str]) -> str:
    """What in an item's words would reach out, run, steal or steer; kinds that the order itself shows are the user's.

    Checks and expressions are no words: no model is shown them.
    """
    texts: dict[str, str] = {}
    if isinstance(body, Skill):
        texts = dict(said_by(body, known=known))
    elif isinstance(body, Constraint) and not body.check:
        texts = {"rule": body.text}
    asked = " ".join(column.ask for output in spec.outputs for column in output.columns)
    order = {"order": "\n".join((spec.title, spec.prose, asked, *spec.sources.allow))}
    own = {each.kind for each in scanned(order)}
    return "; ".join(str(each) for each in scanned(texts) if each.kind not in own)


# ---------------------------------------------------------------- generality


def specific(body: Body, *, against: Corpus, known: Mapping[str, str]) -> str:
    """What the item still says of the run it was born from, in a sentence; empty where it is general.

    Names that can be variables are ones already; of a skill's prompts those are looked at that are not the installed
    ones, `known`. A check names values, which its own admission holds against other deliveries; an expression is
    held to be general by pages of other sources, its pairs.
    """
    match body:
        case Skill():
            return first(leaks_of(body, against=against, known=known))
        case Constraint() if not body.check:
            return first(leaks_of_rules([body], against=against))
        case _:
            return ""


# ---------------------------------------------------------------- duplicates and conflicts


def same(item: Item, body: Body, *, others: Mapping[Item, Body]) -> Twin | None:
    """The item that is there and says what this one says: by its id, its bytes, or nearly its words.

    Rules and expressions are called by what they say, and are told apart exactly; one that was only waiting and
    has proved itself now takes its own place. Of a skill what it teaches counts: its examples, or its plan.
    """
    others = {each: held for each, held in others.items() if not stopped(each)}
    marked = replace(item, digest=digest_bytes(canonical(body)))
    if item.kind in SKILLS:
        return twin(marked, text=_taught(body), others={each: _taught(held) for each, held in others.items()})
    there = next((each for each in others if each.id == item.id), None)
    if there is None or (there.state is ItemState.CANDIDATE and item.state is ItemState.ACTIVE):
        return None
    return Twin(there.id, there.digest, 1.0)


def repeats(found: Twin, *, there: Item) -> str:
    """A twin in a sentence."""
    state = f", which is in {there.state} ({there.why})" if there.state in SHELVED else ""
    return f"it says what {found.item} says{state}"


def contradicts(rule: Constraint, *, rules: Iterable[Constraint], past: Callable[[], Sequence[Kept]]) -> str:
    """The rules that hold and that no value keeps together with this one, in a sentence; empty where it fits."""
    if not rule.check:
        return ""
    check = parse_check(rule.check)
    for other in rules:
        held = parse_check(other.check) if other.check and other.id != rule.id else None
        if held is not None and held.field == check.field and (why := contradiction(held, check, past())):
            return f"it contradicts {other.id}: {why}"
    return ""


def _taught(body: Body) -> str:
    match body:
        case Skill() if is_foreign(body):
            return "\n".join(text for _, text in body.prompts)
        case Skill():
            plan = [f"{task.role}\n{task.goal}" for task in body.tasks]
            return "\n".join((*plan, *(f"{each.source}\n{each.answer}" for each in body.exemplars)))
        case Constraint():
            return body.text
        case Script():
            return body.pattern
