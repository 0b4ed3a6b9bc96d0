"""What the deterministic gate finds of planted flaws, by kind; false alarms, place, milliseconds.

    python benchmarks/gate.py [--bundles 300] [--mutants 3] [--json]

Clean deliveries (strop.testing.bundles) are broken one flaw at a time (strop.checking.mutants) and go
through the same gate as a run: values first, then the bytes of the files by independent readers. No
model runs and nothing is paid. A flaw counts as found when there is a finding that is no note, or a
note that leaves the value unverified and marked; as placed when one names its file and row, cell,
sentence or field. Kinds that only who reads can find
(a caveat dropped by the writer, a framing) are reported apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from strop.app.parts import renderers
from strop.checking.mutants import late
from strop.checking.mutants.bodies import BODIES, break_body
from strop.checking.mutants.parts import PARTS, break_part
from strop.checking.mutants.prose import PROSE, break_prose
from strop.checking.mutants.readings import CONSISTENT, break_claims
from strop.checking.mutants.record import Form, Record
from strop.errors import BadInput, StropError
from strop.loop.deliver import inspected, parts
from strop.loop.verify import Proofs, verify
from strop.seams import Renderer, SourceTable
from strop.testing.bundles import DAY, Case, reading, writing, wrote
from strop.types.content import Part, Standing
from strop.types.trial import Finding, Severity, Verdict
from strop.types.work import Kind, kind_of

Key = tuple[str, Form, bool]
"""Kind, form, and whether only a reader can find it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `met` is None where a figure has no goal."""

    name: str
    figure: float
    unit: str
    goal: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Tally:
    """One kind in one form."""

    made: int = 0
    found: int = 0
    placed: int = 0
    missed: list[Record] = field(default_factory=list[Record])

    def note(self, record: Record, findings: Sequence[Finding]) -> None:
        self.made += 1
        self.found += bool(findings)
        self.placed += any(_places(finding, record) for finding in findings)
        if not findings:
            self.missed.append(record)


def loud(verdict: Verdict) -> tuple[Finding, ...]:
    """Findings that are no notes, and the notes that took a value's acceptance away."""
    marked = {f"{value.row}.{value.field}" for value in verdict.values if value.standing is Standing.UNVERIFIED}
    return tuple(f for f in verdict.findings if f.severity is not Severity.NOTE or f.locator in marked)


def _places(finding: Finding, record: Record) -> bool:
    if record.form is Form.CONSISTENT:
        return finding.locator.startswith(record.locator) or record.locator in (finding.artefact, finding.locator)
    drawn = record.locator == "picture" and finding.locator.startswith("chart ")
    near = (
        drawn
        or record.locator in finding.locator
        or finding.locator in record.locator
        or record.before[:40] in finding.expected
    )
    return finding.artefact == record.artefact and near


def wilson(found: int, made: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, JASA 22, 1927)."""
    if not made:
        return 0.0, 1.0
    z, share = 1.959964, found / made
    middle, spread = share + z * z / (2 * made), z * math.sqrt(share * (1 - share) / made + z * z / (4 * made * made))
    return (middle - spread) / (1 + z * z / made), (middle + spread) / (1 + z * z / made)


# ---------------------------------------------------------------- one delivery


@dataclass(frozen=True, slots=True)
class Delivered:
    case: Case
    verdict: Verdict
    parts: tuple[Part, ...]
    bodies: Mapping[str, bytes]
    """By file."""


def judged(case: Case) -> Verdict:
    proofs = Proofs(case.sources, case.recounted, today=DAY)
    return _loop().run_until_complete(verify(case.run, proofs=proofs))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all, as a run has: opening one takes longer than many a judgement."""
    return asyncio.new_event_loop()


def rendered(part: Part) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(part.file).name
        _renderers()[kind_of(part.file)].render(part, to=path)
        return path.read_bytes()


@cache
def _renderers() -> Mapping[Kind, Renderer]:
    return renderers()


def no_tables(path: str) -> SourceTable:
    raise BadInput(f"{path}: nothing is taken over here")


def delivered(case: Case) -> Delivered:
    return written(case, judged(case))


def written(case: Case, verdict: Verdict) -> Delivered:
    made = parts(case.run, verdict=verdict)
    return Delivered(case, verdict, made, {part.file: rendered(part) for part in made})


def looked_at(
    one: Delivered, bodies: Mapping[str, bytes], *, redraw: Callable[[Part], bytes] | None
) -> tuple[Finding, ...]:
    """What the gate finds in these bytes."""
    with laid_out(bodies) as folder:
        return look(one, folder, redraw=redraw)


@contextmanager
def laid_out(bodies: Mapping[str, bytes]) -> Generator[Path]:
    """The files in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, body in bodies.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(body)
        yield folder


def look(one: Delivered, folder: Path, *, redraw: Callable[[Part], bytes] | None) -> tuple[Finding, ...]:
    """What the gate finds in the files of a folder."""
    return inspected(
        one.case.run.plan.spec, folder, parts=one.parts, verdict=one.verdict, tables=no_tables, redraw=redraw
    )


# ---------------------------------------------------------------- flaws


def consistent(mutants: int) -> Iterator[tuple[Record, tuple[Finding, ...]]]:
    """Flaws of workers: judged as values, before any file is written."""
    for seed in range(mutants):
        case = reading(seed, rows=12)
        for broken in (*CONSISTENT.values(), *late.READINGS.values()):
            if made := break_claims(broken, case.claims, case.sources, seed=seed):
                claims, sources, record = made
                first = replace(case.run.results[0], claims=claims)
                others = (replace(each, claims=()) for each in case.run.results[1:])
                run = replace(case.run, results=(first, *others))
                yield record, loud(judged(replace(case, run=run, sources=sources)))
        written = writing(seed)
        for kind, wrong_leaf in {**PROSE, **late.PROSE}.items():
            if wrong := break_prose(kind, wrong_leaf, written.answers, seed=seed):
                answers, record = wrong
                yield record, loud(judged(wrote(written.run.plan.spec, answers, written.sources)))


def inconsistent(mutants: int) -> Iterator[tuple[Record, tuple[Finding, ...]]]:
    """Flaws of one file beside true ones."""
    for seed in range(mutants):
        for case in (reading(seed, rows=12, wide=True), writing(seed)):
            one = delivered(case)
            for part in one.parts:
                for kind, of_content in {**PARTS, **late.PARTS}.items():
                    if made := break_part(kind, of_content, part, seed=seed):
                        flawed, record = made
                        body = spoiled(flawed)
                        if body is not None and body != one.bodies[part.file]:
                            yield record, looked_at(one, {**one.bodies, part.file: body}, redraw=rendered)
                for kind, of_bytes in {**BODIES, **late.BODIES}.items():
                    if broken := break_body(kind, of_bytes, part.file, one.bodies[part.file], seed=seed):
                        body, record = broken
                        yield record, looked_at(one, {**one.bodies, part.file: body}, redraw=rendered)


def spoiled(part: Part) -> bytes | None:
    """The flawed file's bytes; None where the format cannot hold the flaw at all."""
    try:
        return rendered(part)
    except StropError:
        return None


def alarms(bundles: int) -> tuple[int, list[tuple[float, float]]]:
    """Clean deliveries with a finding that is no note; milliseconds of each look at 40 rows and 5 files.

    Of the clock, and of this process alone. Each delivery is judged once and looked at once, so nothing of
    it is known beforehand; that its files are written in between is not counted.
    """
    false, taken = 0, list[tuple[float, float]]()
    for seed in range(bundles):
        case = reading(seed, rows=40) if seed % 2 else writing(seed)
        began = now()
        verdict = judged(case)
        judging = since(began)
        one = written(case, verdict)
        with laid_out(one.bodies) as folder:
            began = now()
            findings = (*verdict.findings, *look(one, folder, redraw=None))
            if seed % 2:
                passed, own = since(began)
                taken.append((judging[0] + passed, judging[1] + own))
        false += any(finding.severity is not Severity.NOTE for finding in findings)
    return false, taken


def now() -> tuple[float, float]:
    """Seconds of the clock, and of this process alone: other work on the machine is not in the second."""
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> tuple[float, float]:
    """Milliseconds of both."""
    passed, own = now()
    return 1_000 * (passed - began[0]), 1_000 * (own - began[1])


# ---------------------------------------------------------------- the table


def counted(flaws: Iterator[tuple[Record, tuple[Finding, ...]]]) -> dict[Key, Tally]:
    tallies: dict[Key, Tally] = {}
    for record, findings in flaws:
        tallies.setdefault((record.kind, record.form, record.model), Tally()).note(record, findings)
    return tallies


def figures(bundles: int, mutants: int) -> Iterator[Figure]:
    tallies = counted(consistent(mutants)) | counted(inconsistent(mutants))
    yield from _by_kind(tallies)
    yield from _overall(tallies)
    false, taken = alarms(bundles)
    share, median = 100 * false / bundles, statistics.median(passed for passed, _ in taken)
    low, high = wilson(false, bundles)
    name = f"clean deliveries with a false alarm: {false} of {bundles}, {100 * low:.2f} to {100 * high:.2f} %"
    yield Figure(name, share, "%", "< 1", share < 1)
    yield Figure("one look at 40 rows and 5 files, least", min(passed for passed, _ in taken), "ms")
    yield Figure("one look, time of this process alone, median", statistics.median(own for _, own in taken), "ms")
    yield Figure("one look at 40 rows and 5 files, median", median, "ms", "< 100", median < 100)


def _by_kind(tallies: Mapping[Key, Tally]) -> Iterator[Figure]:
    for (kind, form, model), tally in sorted(tallies.items()):
        low, high = wilson(tally.found, tally.made)
        mark = " (for readers)" if model else " (late)" if kind in late.LATE else ""
        yield Figure(
            f"{kind}, {form}{mark}: {tally.found} of {tally.made}, placed {tally.placed}, {low:.2f} to {high:.2f}",
            100 * tally.found / tally.made,
            "%",
        )
        for record in tally.missed[:1]:
            print(f"    missed: {record.artefact} {record.locator}: {record.before[:60]!r} -> {record.after[:60]!r}")


def _overall(tallies: Mapping[Key, Tally]) -> Iterator[Figure]:

    def seen(chosen: Callable[[Key], bool]) -> tuple[int, int, int]:
        held = [tally for key, tally in tallies.items() if not key[2] and chosen(key)]
        return sum(each.found for each in held), sum(each.made for each in held), sum(each.placed for each in held)

    groups: tuple[tuple[str, Callable[[Key], bool], float | None], ...] = (
        ("all kinds for the deterministic layer", lambda key: True, 85.0),
        ("consistent forms", lambda key: key[1] is Form.CONSISTENT, 70.0),
        ("late kinds", lambda key: key[0] in late.LATE, None),
    )
    for name, chosen, goal in groups:
        found, made, placed = seen(chosen)
        if made:
            share = 100 * found / made
            met = None if goal is None else share >= goal
            yield Figure(f"{name}: found of {made}", share, "%", f">= {goal:g}" if goal else "", met)
            yield Figure(f"{name}: placed, of those found", 100 * placed / max(found, 1), "%")


def main() -> None:
    """Print the table; with --json one last line for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundles", type=int, default=300, help="clean deliveries, at least 2")
    parser.add_argument("--mutants", type=int, default=3, help="of each kind and file; 0: clean deliveries only")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found: list[Figure] = []
    for figure in figures(chosen.bundles, chosen.mutants):
        found.append(figure)
        met = "" if figure.met is None else "met" if figure.met else "MISSED"
        print(f"{figure.name:90} {figure.figure:10.1f} {figure.unit:4} {figure.goal:>8} {met}", flush=True)
    if chosen.json:
        keys = ("name", "figure", "unit", "goal", "met")
        print(json.dumps([{key: getattr(figure, key) for key in keys} for figure in found]))


if __name__ == "__main__":
    main()
