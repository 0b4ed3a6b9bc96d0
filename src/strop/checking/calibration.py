"""How far a refuting model's word goes: what it found of what was planted, and what it refuted that is proved.

Pure. Seeded flaws (`canaries`) measure recall, proved claims (controls) the false alarms; both are
counted by kind of artefact and pooled over past runs with the same model and prompt. Intervals are
Wilson's (E. B. Wilson 1927). What is left is estimated by capture and recapture in D. G. Chapman's form
(1951): canaries are the marked ones, all confirmed refutations the second catch.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from strop.types.past import Heard
from strop.types.trial import Calibration, Estimate, Measured, Rate, Reliance, Role, Word

FLOOR = 0.6
"""Share of planted flaws that must be found before a model's word counts as measured; `gate.floor` in strop.toml."""
CEILING = 0.5
"""A model that surely refutes more than this share of what is proved refutes whatever it is shown."""
ALIKE = 6
"""Answers that are all the same word before that is taken for a pattern and not for chance."""
KNOWN = 3
"""Known flaws that none was found of, while the planted ones were, before that is taken for a pattern."""
_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


def wilson(hits: int, of: int) -> Rate:
    """A share with its 95 % interval; nothing tried leaves all open (0 to 1)."""
    if of == 0:
        return Rate(0, 0, 0.0, 1.0)
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == of else min(1.0, middle + half)
    return Rate(hits, of, low, high)


def chapman(planted: int, found: int, real: int) -> Estimate:
    """Flaws that are left among what was asked, where `found` of `planted` and `real` others were refuted.

    `(planted + 1)(found + real + 1)/(found + 1) - 1` flaws in all, planted ones among them.
    """
    total = (planted + 1) * (found + real + 1) / (found + 1) - 1
    left = max(0.0, total - planted - real)
    spread = (planted + 1) * (found + real + 1) * (planted - found) * real / ((found + 1) ** 2 * (found + 2))
    return Estimate(real, round(left, 2), round(math.sqrt(spread), 2))


def calibrated(words: Sequence[Word], *, past: Iterable[Heard], floor: float = FLOOR) -> Calibration:
    """What this gate's words, and those of earlier ones by the same model and prompt, are worth."""
    earlier = tuple(past)
    kinds = tuple(_measured(kind, words, earlier) for kind in sorted({word.kind for word in words}))
    planted = [word for word in words if word.role is Role.CANARY]
    found = sum(word.refuted for word in planted)
    real = sum(word.refuted for word in words if word.role is Role.CLAIM)
    alarms = _alarms(words)
    state, why = _state(words, kinds, wilson(found, len(planted)), wilson(*alarms), floor)
    return Calibration(
        state=state,
        why=why,
        floor=floor,
        planted=len(planted),
        found=found,
        controls=sum(word.role is Role.CONTROL for word in words),
        alarms=alarms[0],
        recall=wilson(found, len(planted)),
        false_alarms=wilson(*alarms),
        kinds=kinds,
        flaws=tuple(sorted(_by_flaw(planted).items())),
        left=chapman(len(planted), found, real) if planted and state is not Reliance.VOID else None,
    )


def told(calibration: Calibration, *, model: str) -> tuple[str, ...]:
    """The calibration in sentences for people: state and reason first, then the figures."""
    if calibration.state is Reliance.VOID:
        effect = "Nothing that it said counts, and nothing is learned from this run."
        first = f"The word of the refuting model {model} is void: {calibration.why}. {effect}"
    else:
        first = f"The refuting model {model} is {calibration.state}: {calibration.why}."
    found, alarms = _share(calibration.recall), _share(calibration.false_alarms)
    lines = [first, f"In this run it found {found} of the planted flaws and raised {alarms} false alarms."]
    if calibration.left is not None:
        lines.append(
            f"It refuted {calibration.left.confirmed} claims; about {calibration.left.left:.1f} flaws "
            f"(± {calibration.left.error:.1f}) are left among those it was asked about, if real flaws are as easy "
            "to find as planted ones (Chapman's estimate)."
        )
    return tuple(lines)


def _share(rate: Rate) -> str:
    if not rate.of:
        return "0 of 0"
    return f"{_of(rate)} ({rate.low:.0%} to {rate.high:.0%})"


def heard(calibration: Calibration, *, run: str, model: str, prompt: str) -> tuple[Heard, ...]:
    """What later gates pool of this one."""
    return tuple(
        Heard(run, model, prompt, kind.kind, kind.planted, kind.found, kind.tried, kind.alarms)
        for kind in calibration.kinds
    )


def _measured(kind: str, words: Sequence[Word], past: Sequence[Heard]) -> Measured:
    own = [word for word in words if word.kind == kind]
    planted = [word for word in own if word.role is Role.CANARY]
    found = sum(word.refuted for word in planted)
    alarms, tried = _alarms(own)
    before = [each for each in past if each.kind == kind]
    return Measured(
        kind=kind,
        planted=len(planted),
        found=found,
        tried=tried,
        alarms=alarms,
        recall=wilson(found + sum(each.found for each in before), len(planted) + sum(each.planted for each in before)),
        false_alarms=wilson(alarms + sum(each.alarms for each in before), tried + sum(each.tried for each in before)),
        runs=len({each.run for each in before}),
    )


def _alarms(words: Sequence[Word]) -> tuple[int, int]:
    """(false alarms, what could raise one): proved claims refuted, and refutations whose quote stands nowhere."""
    controls = [word for word in words if word.role is Role.CONTROL]
    invented = sum(word.invented for word in words if word.role in (Role.CLAIM, Role.KNOWN))
    return sum(word.refuted or word.invented for word in controls) + invented, len(controls) + invented


def _by_flaw(planted: Sequence[Word]) -> dict[str, tuple[int, int]]:
    held: dict[str, tuple[int, int]] = {}
    for word in planted:
        hits, of = held.get(word.flaw, (0, 0))
        held[word.flaw] = (hits + word.refuted, of + 1)
    return held


def _state(
    words: Sequence[Word], kinds: Sequence[Measured], recall: Rate, alarms: Rate, floor: float
) -> tuple[Reliance, str]:
    """The state with one sentence on why."""
    if pattern := _pattern(words):
        return Reliance.VOID, pattern
    if recall.high < floor:
        said = f"it found {_of(recall)} planted flaws, at best {recall.high:.0%} by the interval, floor {floor:.0%}"
        return Reliance.VOID, said
    if alarms.low > CEILING:
        return Reliance.VOID, f"it raised {alarms.hits} false alarms in {alarms.of} tries: it refutes what is proved"
    weak = next((kind for kind in kinds if kind.recall.high < floor), None)
    if weak is not None:
        said = f"over {weak.runs + 1} runs it found {_of(weak.recall)} planted flaws in {weak.kind}"
        return Reliance.VOID, f"{said}, at best {weak.recall.high:.0%}, floor {floor:.0%}"
    open_ = next((kind for kind in kinds if kind.recall.low <= floor), None)
    if open_ is not None or not kinds:
        rate = open_.recall if open_ else wilson(0, 0)
        said = f"{_of(rate)} planted flaws found so far, at least {rate.low:.0%} by the interval, floor {floor:.0%}"
        return Reliance.UNCALIBRATED, f"{said}; runs to come are pooled with this one"
    worst = min(kinds, key=lambda kind: kind.recall.low).recall
    return Reliance.CALIBRATED, f"{_of(worst)} planted flaws found, at least {worst.low:.0%} by the interval"


def _pattern(words: Sequence[Word]) -> str:
    """A way of answering that needs no reading: one word for all, or planted flaws told by their form alone."""
    said = Counter(word.word for word in words)
    planted = [word for word in words if word.role is Role.CANARY]
    if len(words) >= ALIKE and len(said) == 1:
        (only,) = said
        others = len(words) - len(planted)
        if only == "refuted" and others:
            return f"it refuted all {len(words)} claims, proved ones or not: such a word says nothing"
        if only != "refuted" and wilson(0, len(planted)).high < FLOOR:
            said_of = f"to all {len(words)} claims, {len(planted)} of which were false"
            return f"it answered {only!r} {said_of}: a rubber stamp"
    known = [word for word in words if word.role is Role.KNOWN]
    missed = len(known) >= KNOWN and not any(word.refuted for word in known)
    if missed and len(planted) >= KNOWN and all(word.refuted for word in planted):
        return f"it refuted all {len(planted)} planted flaws and none of {len(known)} known ones: it tells them by form"
    return ""


def _of(rate: Rate) -> str:
    return f"{rate.hits} of {rate.of}"
