"""Streams of candidates through the admission rule, an item that turns bad, and what pairs of unlike units cost.

    python benchmarks/admission.py [--seeds 2000] [--json]

A stream is a library of 30 candidates, tried one after the other: by default 5 of each kind, in random order.
Pairs have outcomes 0 or 1; the incumbent is right on 60 of 100 units, an item changes that by its effect, and
`discordance` of the pairs differ. Each candidate has 600 * discordance planned pairs: 120, 180, 240. The rule is
the product's own (`learning/alpha.py`), beside one that admits all and one that admits what is ahead after 20
pairs. Rates stand with n and Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from math import comb
from random import Random
from statistics import median, stdev

from strop.checking.calibration import wilson
from strop.learning.alpha import ALPHA, PLACES, Course, Word, course, share, terms
from strop.learning.watching import LEVEL, Detector
from strop.types.trial import Rate

BASE = 0.6
KINDS = (0.16, 0.10, 0.05, 0.0, -0.04, -0.10)
DISCORDANCE = (0.2, 0.3, 0.4)
CANDIDATES = 30
MIXES = {
    "even": (5, 5, 5, 5, 5, 5),
    "poor": (2, 2, 2, 18, 3, 3),
    "useless": (0, 0, 0, 30, 0, 0),
}
"""Candidates of each kind in a stream: as many of each, mostly useless, nothing else."""
POINT = 20
GOOD = 80
PATIENCE = 6_000


def planned(discordance: float) -> int:
    """Pairs a candidate may use."""
    return round(600 * discordance)


def signs(chance: Random, *, effect: float, discordance: float) -> Iterator[int]:
    """Pairs without end: 1 won, -1 lost, 0 neither."""
    won = (discordance + effect) / 2
    while True:
        drawn = chance.random()
        yield 1 if drawn < won else -1 if drawn < discordance else 0


def first(pairs: Iterator[int], count: int) -> Iterator[int]:
    """So many of the pairs."""
    return (next(pairs) for _ in range(count))


# ---------------------------------------------------------------- streams


@dataclass(slots=True)
class Tally:
    """What became of the candidates of one kind, or of the streams of one mix."""

    words: Counter[Word] = field(default_factory=Counter[Word])
    pairs: int = 0

    @property
    def tried(self) -> int:
        return self.words.total()

    def rate(self, word: Word) -> Rate:
        return wilson(self.words[word], self.tried)


Rule = Callable[[Random, float, float, int, int], Course]
"""Chance, effect, discordance, ordinal of the trial, trials admitted before: how the trial went."""


def ours(chance: Random, effect: float, discordance: float, trial: int, admitted: int) -> Course:
    """The library's rule."""
    plan = planned(discordance)
    laid = terms(trial, admitted=admitted, planned=plan)
    return course(first(signs(chance, effect=effect, discordance=discordance), plan), terms=laid)


def point(chance: Random, effect: float, discordance: float, trial: int, admitted: int) -> Course:
    """Admit what is ahead after `POINT` pairs, else leave it."""
    seen = sum(first(signs(chance, effect=effect, discordance=discordance), POINT))
    return _fixed(Word.ADMIT if seen > 0 else Word.QUARANTINE, POINT)


def everything(chance: Random, effect: float, discordance: float, trial: int, admitted: int) -> Course:
    """Admit without a look."""
    return _fixed(Word.ADMIT, 0)


def _fixed(word: Word, pairs: int) -> Course:
    return Course(word, pairs, EMPTY.duel, 0.0)


EMPTY = course((), terms=terms(1, admitted=0, planned=1))
RULES: dict[str, Rule] = {"ours": ours, "point": point, "all": everything}


@dataclass(slots=True)
class Streams:
    """All streams of one mix, discordance and rule."""

    mix: str
    discordance: float
    rule: str
    seeds: int
    kinds: defaultdict[float, Tally] = field(default_factory=lambda: defaultdict(Tally))
    spoiled: int = 0
    """Streams whose library holds a useless or harmful item at the end."""

    def run(self) -> Streams:
        for seed in range(self.seeds):
            self.spoiled += self._one(Random(f"{self.mix} {self.discordance} {self.rule} {seed}"))
        return self

    def _one(self, chance: Random) -> bool:
        effects = [effect for effect, many in zip(KINDS, MIXES[self.mix], strict=True) for _ in range(many)]
        chance.shuffle(effects)
        admitted, spoiled = 0, False
        for trial, effect in enumerate(effects, start=1):
            went = RULES[self.rule](chance, effect, self.discordance, trial, admitted)
            self.kinds[effect].words[went.word] += 1
            self.kinds[effect].pairs += went.pairs
            if went.word is Word.ADMIT:
                admitted, spoiled = admitted + 1, spoiled or effect <= 0
        return spoiled

    @property
    def harmful(self) -> Rate:
        """Harmful candidates admitted, of all harmful ones."""
        tallies = [tally for effect, tally in self.kinds.items() if effect < 0]
        return wilson(sum(tally.words[Word.ADMIT] for tally in tallies), sum(tally.tried for tally in tallies))


def shown(rate: Rate) -> str:
    """A rate with its interval, in per cent."""
    share = rate.hits / rate.of if rate.of else 0.0
    return f"{share * 100:5.1f} ({rate.low * 100:.1f}-{rate.high * 100:.1f})"


def stream_table(streams: Streams) -> None:
    """What became of each kind."""
    spoiled = wilson(streams.spoiled, streams.seeds)
    print(f"\n{streams.rule}, {streams.mix} stream, discordance {streams.discordance}: {shown(spoiled).strip()} % of "
          f"{streams.seeds:,} libraries hold a useless or harmful item")  # fmt: skip
    print(f"{'item':>8}{'n':>9}{'admitted %':>20}{'quarantined %':>20}{'undecided %':>20}{'pairs':>8}")
    for effect in KINDS:
        tally = streams.kinds.get(effect)
        if tally:
            cells = "".join(f"{shown(tally.rate(word)):>20}" for word in (Word.ADMIT, Word.QUARANTINE, Word.UNDECIDED))
            print(f"{effect * 100:>+8.0f}{tally.tried:>9,}{cells}{tally.pairs / tally.tried:>8.0f}")


# ---------------------------------------------------------------- an item alone, and what any rule could reach


def alone(effect: float, discordance: float, *, level: float) -> float:
    """Chance that the best level-`level` test of the planned pairs admits: the sign test, with drawn ties."""
    plan, wins = planned(discordance), (discordance + effect) / 2 / discordance
    return sum(
        comb(plan, many) * discordance**many * (1 - discordance) ** (plan - many) * _power(many, wins, level)
        for many in range(plan + 1)
    )


@cache
def _power(many: int, wins: float, level: float) -> float:
    """The most powerful test of "a win is a fair coin" on so many discordant pairs: it spends its level exactly."""
    spent = power = 0.0
    for won in range(many, -1, -1):
        null, real = comb(many, won) / 2**many, comb(many, won) * wins**won * (1 - wins) ** (many - won)
        if spent + null >= level:
            return power + real * (level - spent) / null
        spent, power = spent + null, power + real
    return power


# ---------------------------------------------------------------- an item that turns


def turning(seeds: int, *, discordance: float) -> tuple[list[int], Rate, list[int]]:
    """Pairs from the turn to the alarm, alarms before it, and pairs to a false alarm on a useless item (cut off)."""
    delays: list[int] = []
    early = 0
    for seed in range(seeds):
        chance = Random(f"turn {discordance} {seed}")
        alarm = _alarm((0.16, -0.10), chance, discordance)
        early += alarm <= GOOD
        if alarm > GOOD:
            delays.append(alarm - GOOD)
    false = [_alarm((0.0, 0.0), Random(f"quiet {discordance} {seed}"), discordance) for seed in range(seeds)]
    return delays, wilson(early, seeds), false


def _alarm(effects: tuple[float, float], chance: Random, discordance: float) -> int:
    """Pairs until the detector's alarm, the first `GOOD` of them with the first effect."""
    before, after = (signs(chance, effect=effect, discordance=discordance) for effect in effects)
    detector = Detector()
    while not detector.alarmed and detector.pairs < PATIENCE:
        detector = detector.after(next(before if detector.pairs < GOOD else after))
    return detector.pairs


# ---------------------------------------------------------------- pairs of unlike units


STRATA = (0.4, 0.6, 0.8)
"""Share of right answers by stratum, where difficulty is known to differ: 0.6 in the mean."""


def unlike(chance: Random, *, effect: float, strata: tuple[float, ...]) -> Iterator[int]:
    """Pairs of two units of one stratum: their outcomes are independent, so more of the pairs are discordant."""
    while True:
        base = strata[int(chance.random() * len(strata))]
        yield (chance.random() < base + effect) - (chance.random() < base)


def kept(pairs: Callable[[Random], Iterator[int]], *, plan: int, seeds: int) -> Rate:
    """How often the first trial of a library admits within so many pairs."""
    laid = terms(1, admitted=0, planned=plan)
    went = (course(first(pairs(Random(f"unlike {plan} {seed}")), plan), terms=laid) for seed in range(seeds))
    return wilson(sum(each.word is Word.ADMIT for each in went), seeds)


def pairs_for(pairs: Callable[[Random], Iterator[int]], *, seeds: int) -> int:
    """Planned pairs (in steps of 20) with which 90 of 100 +16 items are kept."""
    low, high = 1, 80
    while low < high:
        middle = (low + high) // 2
        rate = kept(pairs, plan=20 * middle, seeds=seeds)
        low, high = (low, middle) if rate.hits >= 0.9 * rate.of else (middle + 1, high)
    return 20 * low


# ---------------------------------------------------------------- goals


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the summary."""

    name: str
    figure: float
    unit: str
    goal: str
    met: bool | None
    """None where nothing was asked."""


def rate_goal(name: str, rate: Rate, *, most: float | None = None, least: float | None = None) -> Goal:
    """A share in per cent against a bound, with its n and interval in the name."""
    figure = 100 * rate.hits / rate.of
    met = figure <= most if most is not None else figure >= least if least is not None else None
    bound = f"<= {most:g}" if most is not None else f">= {least:g}" if least is not None else ""
    return Goal(
        f"{name} (n {rate.of:,}, {rate.low * 100:.2f}-{rate.high * 100:.2f})", round(figure, 2), "%", bound, met
    )


def stream_goals(seeds: int) -> Iterator[Goal]:
    """Run and print all streams."""
    for discordance in DISCORDANCE:
        for rule in RULES:
            streams = Streams("even", discordance, rule, seeds).run()
            stream_table(streams)
            if rule == "ours":
                yield from _goals(streams)
    for mix in ("poor", "useless"):
        for discordance in (DISCORDANCE[0], DISCORDANCE[-1]):
            streams = Streams(mix, discordance, "ours", seeds).run()
            stream_table(streams)
            yield from _goals(streams)


def _goals(streams: Streams) -> Iterator[Goal]:
    where = f"{streams.mix} stream, discordance {streams.discordance}"
    spoiled = wilson(streams.spoiled, streams.seeds)
    bad = rate_goal(f"libraries with a useless or harmful item, {where}", spoiled, most=5)
    # All useless is the worst case, where the bound itself is measured: missed is what chance does not explain.
    yield replace(bad, met=spoiled.low <= ALPHA) if streams.mix == "useless" else bad
    if streams.harmful.of:
        yield rate_goal(f"harmful items admitted, {where}", streams.harmful, most=1)
    if streams.kinds[KINDS[0]].tried and streams.discordance != 0.3:
        kept_ = streams.kinds[KINDS[0]].rate(Word.ADMIT)
        yield rate_goal(f"+16 kept within {planned(streams.discordance)} pairs, {where}", kept_, least=90)


LEVELS = {
    "a trial alone": ALPHA,
    "no more than 15 can be useless": ALPHA / 15,
    "ten admitted before it": ALPHA / 20,
    "an even place of ours": share(1),
    "all 30 may be useless": ALPHA / 30,
}


def ceiling_goals() -> Iterator[Goal]:
    """The most that any test could keep at some levels: print, and judge nothing."""
    print("\nmost that any test of the planned pairs keeps of +16 items, by the alpha one trial may spend (exact)")
    print(f"{'alpha':>9}  {'':<34}{''.join(f'{each:>8}' for each in DISCORDANCE)}")
    for said, level in LEVELS.items():
        powers = [alone(KINDS[0], each, level=level) for each in DISCORDANCE]
        print(f"{level:>9.5f}  {said:<34}{''.join(f'{power * 100:>8.1f}' for power in powers)}")
        name = f"most that any test keeps of +16 items at alpha {level:.5f} ({said}), discordance 0.4"
        yield Goal(name, round(100 * powers[-1], 1), "%", "", None)


def turning_goals(seeds: int) -> Iterator[Goal]:
    """The item that turns to -10 after 80 good pairs."""
    print(f"\n{'discordance':>12}{'median pairs to alarm':>24}{'90 of 100 within':>18}{'alarm before':>16}"
          f"{'mean to false alarm':>22}")  # fmt: skip
    for discordance in DISCORDANCE:
        delays, early, false = turning(seeds, discordance=discordance)
        middle, late = median(delays), sorted(delays)[int(0.9 * len(delays))]
        mean, error = sum(false) / len(false), stdev(false) / len(false) ** 0.5
        print(f"{discordance:>12}{middle:>24.0f}{late:>18,}{shown(early):>16}{mean:>22,.0f}")
        yield Goal(f"median units to quarantine after the turn, discordance {discordance} (n {len(delays):,})",
                   middle, "units", "<= 150", middle <= 150)  # fmt: skip
        name = f"mean pairs to a false alarm, useless item, discordance {discordance} (n {len(false):,}, +-{error:.0f})"
        yield Goal(name, round(mean), "pairs", f">= {LEVEL:,.0f}", mean + 2 * error >= LEVEL)


def unlike_goals(seeds: int) -> Iterator[Goal]:
    """Same-input pairs beside pairs of unlike units."""
    sources: dict[str, Callable[[Random], Iterator[int]]] = {
        f"the same input, discordance {each}": lambda chance, each=each: signs(chance, effect=0.16, discordance=each)
        for each in DISCORDANCE
    }
    sources["unlike units, strata 40/60/80 %"] = lambda chance: unlike(chance, effect=0.16, strata=STRATA)
    sources["unlike units, one stratum"] = lambda chance: unlike(chance, effect=0.16, strata=(BASE,))
    print(f"\n{'pairs of a +16 item':<36}{'kept % of 120 pairs':>22}{'of 240':>20}{'pairs for 90 %':>16}")
    for name, pairs in sources.items():
        rates = [kept(pairs, plan=plan, seeds=seeds) for plan in (120, 240)]
        needed = pairs_for(pairs, seeds=max(100, seeds // 4))
        print(f"{name:<36}{shown(rates[0]):>22}{shown(rates[1]):>20}{needed:>16}")
        yield Goal(f"pairs that keep 90 % of +16 items, {name} (n {max(100, seeds // 4):,})", needed, "pairs", "", None)


def summary(goals: Iterable[Goal]) -> None:
    """Each goal with its figure, met or missed."""
    print(f"\n{'figure':>10}  {'goal':<10}{'':8}")
    for goal in goals:
        word = "" if goal.met is None else "met" if goal.met else "MISSED"
        print(f"{goal.figure:>10,.2f}  {goal.goal:<10}{word:<8}{goal.name}")


def main() -> int:
    """Print tables and goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    print(f"alpha {ALPHA} a library, {share(1):.6f} a trial in each of the first {PLACES} places")
    goals = [
        *stream_goals(chosen.seeds),
        *ceiling_goals(),
        *turning_goals(chosen.seeds),
        *unlike_goals(chosen.seeds),
    ]
    summary(goals)
    if chosen.json:
        print(json.dumps([{"name": each.name, "figure": each.figure, "unit": each.unit, "goal": each.goal,
                           "met": each.met} for each in goals]))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
