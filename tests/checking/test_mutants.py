"""Planted flaws: each is one flaw, the same for the same seed, and found where the gate says it looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strop.app.parts import renderers
from strop.checking.mutants.bodies import BODIES, break_body
from strop.checking.mutants.parts import PARTS, break_part
from strop.checking.mutants.prose import FOR_READERS, PROSE, break_prose
from strop.checking.mutants.readings import CONSISTENT, break_claims
from strop.loop.deliver import inspected, parts
from strop.loop.verify import Proofs, verify
from strop.seams import SourceTable
from strop.testing.bundles import DAY, Case, reading, writing, wrote
from strop.types.content import Part, Standing
from strop.types.trial import Severity, Verdict
from strop.types.work import kind_of

pytestmark = pytest.mark.anyio


def no_tables(path: str) -> SourceTable:
    """Nobody orders rows of a table here."""
    raise AssertionError(path)


async def judged(case: Case) -> Verdict:
    return await verify(case.run, proofs=Proofs(case.sources, case.recounted, today=DAY))


def loud(verdict: Verdict) -> list[str]:
    marked = {f"{value.row}.{value.field}" for value in verdict.values if value.standing is Standing.UNVERIFIED}
    return [f.locator for f in verdict.findings if f.severity is not Severity.NOTE or f.locator in marked]


def written(part: Part, folder: Path) -> bytes:
    path = folder / Path(part.file).name
    renderers()[kind_of(part.file)].render(part, to=path)
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(3))
async def test_a_clean_delivery_raises_no_alarm(seed: int, tmp_path: Path) -> None:
    """Values, files and pictures of both kinds of run are as they should be."""
    for case in (reading(seed, rows=9), writing(seed)):
        verdict = await judged(case)
        assert loud(verdict) == []
        made = parts(case.run, verdict=verdict)
        _deliver(tmp_path, {part.file: written(part, tmp_path) for part in made})

        def redraw(part: Part) -> bytes:
            return written(part, tmp_path)

        found = inspected(
            case.run.plan.spec, tmp_path / "files", parts=made, verdict=verdict, tables=no_tables, redraw=redraw
        )
        assert found == ()


def _deliver(folder: Path, bodies: dict[str, bytes]) -> None:
    for file, body in bodies.items():
        (folder / "files" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / file).write_bytes(body)


@pytest.mark.parametrize("kind", CONSISTENT)
async def test_a_flaw_of_readings_is_found_at_its_place(kind: str) -> None:
    """Said by every reader alike, and refuted by the source, the count, a sibling or a rule of the order."""
    case = reading(7, rows=9)
    made = next(
        found for seed in range(20) if (found := break_claims(CONSISTENT[kind], case.claims, case.sources, seed=seed))
    )
    claims, sources, record = made
    first, *others = case.run.results
    run = replace(case.run, results=(replace(first, claims=claims), *(replace(one, claims=()) for one in others)))
    found = loud(await judged(replace(case, run=run, sources=sources)))
    assert any(place.startswith(record.locator) for place in found), record


@pytest.mark.parametrize("kind", [kind for kind in PROSE if kind not in FOR_READERS])
async def test_a_flaw_of_prose_is_found_at_its_place(kind: str) -> None:
    """A sentence, cell or point that its own quote does not say."""
    case = writing(7)
    made = break_prose(kind, PROSE[kind], case.answers, seed=1)
    assert made is not None
    answers, record = made
    found = loud(await judged(wrote(case.run.plan.spec, answers, case.sources)))
    assert any(place.startswith(record.locator) for place in found), record


async def test_the_same_seed_breaks_the_same(tmp_path: Path) -> None:
    """Pure: nothing but the delivery and the seed decides."""
    case = reading(3, rows=6)
    made = parts(case.run, verdict=await judged(case))
    for kind in CONSISTENT:
        twice = [break_claims(CONSISTENT[kind], case.claims, case.sources, seed=5) for _ in range(2)]
        assert twice[0] == twice[1]
    for part in made:
        for kind in PARTS:
            assert break_part(kind, PARTS[kind], part, seed=5) == break_part(kind, PARTS[kind], part, seed=5)
    body = written(made[0], tmp_path)
    assert all(
        break_body(kind, BODIES[kind], "a.csv", body, seed=5) == break_body(kind, BODIES[kind], "a.csv", body, seed=5)
        for kind in BODIES
    )


async def test_a_file_that_says_something_else_is_found(tmp_path: Path) -> None:
    """One flaw in the report beside true tables: named with its file."""
    case = writing(7)
    verdict = await judged(case)
    made = parts(case.run, verdict=verdict)
    bodies = {part.file: written(part, tmp_path) for part in made}
    report = next(part for part in made if part.file == "report.pdf")
    for kind in ("wrong number", "wrong unit", "dropped sentence", "missing section", "dropped caveat"):
        broken = break_part(kind, PARTS[kind], report, seed=2)
        assert broken is not None, kind
        _deliver(tmp_path, {**bodies, "report.pdf": written(broken[0], tmp_path)})
        found = inspected(case.run.plan.spec, tmp_path / "files", parts=made, verdict=verdict, tables=no_tables)
        assert {finding.artefact for finding in found} == {"report.pdf"}, kind
