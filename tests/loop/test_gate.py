"""The refuting model's part of the gate: what it is asked, what its words come to, that nothing planted gets out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strop.checking.hearing import Bench, docket, hearing_task
from strop.checking.quotes import locate
from strop.errors import JournalFault, QuotaExhausted
from strop.loop.verify import Hearing, hear
from strop.types.content import Standing
from strop.types.past import Heard
from strop.types.schema import Json
from strop.types.trial import Claim, Reliance, Role, Value
from strop.types.work import Task, TaskId, UnitKey

pytestmark = pytest.mark.anyio

NUMBER = 24
TEXTS = {
    f"inputs/{n:02}.txt": f"Station {n:02} keeps {20 + n} bells. It has {200 + n} steps and {300 + n} panes.\n"
    for n in range(1, NUMBER + 1)
}


def value(n: int, *, bells: int | None = None, standing: Standing = Standing.UNVERIFIED, proved: bool = False) -> Value:
    """What the n-th station keeps, as it was read."""
    path = f"inputs/{n:02}.txt"
    quote = f"Station {n:02} keeps {20 + n} bells."
    said = 20 + n if bells is None else bells
    claim = Claim(
        TaskId("r"), UnitKey(f"{n:02}"), "bells", said, path, "h", quote, locate(quote, TEXTS[path]), reader=1
    )
    reasons = ("quote stands", "data agree") if proved else ("quote stands",)
    return Value(claim.row, "bells", said, Standing.ACCEPTED if proved else standing, (claim,), reasons)


VALUES = tuple(value(n, proved=n % 4 == 0) for n in range(1, NUMBER + 1))
Judge = Callable[[str, int, str], tuple[str, str | None]]


def stamp(name: str, said: int, passage: str) -> tuple[str, str | None]:
    return "supported", passage.split(".")[0]


def refuser(name: str, said: int, passage: str) -> tuple[str, str | None]:
    return "refuted", passage.split(".")[0]


def honest(name: str, said: int, passage: str) -> tuple[str, str | None]:
    quote = passage.split(".")[0]
    return ("supported" if f"keeps {said} bells" in quote else "refuted"), quote


def inventor(name: str, said: int, passage: str) -> tuple[str, str | None]:
    return "refuted", "Words that stand nowhere."


@dataclass
class Model:
    """Answers by a judge; keeps what it was asked, and can be out of money from the n-th call on."""

    judge: Judge
    asked: list[Task] = field(default_factory=list[Task])
    fault: Exception | None = None
    calls: int = 10**6
    record: dict[TaskId, Json] = field(default_factory=dict[TaskId, Json])

    async def __call__(self, task: Task) -> Json:
        if task.id in self.record:
            return self.record[task.id]
        if len(self.asked) >= self.calls and self.fault is not None:
            raise self.fault
        self.asked.append(task)
        found = re.findall(r"id (\w+): bells of \d+ is (\d+)\n<passage>\n(.*?)\n</passage>", task.goal, re.DOTALL)
        answers: list[Json] = []
        for name, said, passage in found:
            word, quote = self.judge(name, int(said), passage)
            answers.append({"id": name, "verdict": word, "quote": quote})
        self.record[task.id] = {"verdicts": answers}
        return self.record[task.id]


async def held(model: Model, *, values: tuple[Value, ...] = VALUES, **more: object) -> Hearing:
    return await hear(values, bench=bench(**more), refute=model, at_once=1)


def bench(**more: object) -> Bench:
    return Bench(TEXTS, seed=str(more.pop("seed", "run")), **more)  # type: ignore[arg-type]  # named as the fields


async def test_a_rubber_stamp_voids_its_verdict() -> None:
    """It says supported to all: void, the reason names it, and no value is lifted by its word."""
    found = await held(Model(stamp))
    assert found.calibration is not None
    assert found.calibration.state is Reliance.VOID
    assert "a rubber stamp" in found.calibration.why
    assert found.values == VALUES
    assert found.calibration.left is None


async def test_who_refutes_all_is_void_too_and_takes_nothing_out() -> None:
    """What it refuted is listed as notes; every value stays."""
    found = await held(Model(refuser))
    assert found.calibration is not None
    assert found.calibration.state is Reliance.VOID
    assert "refuted all" in found.calibration.why
    assert found.values == VALUES
    assert {finding.severity.value for finding in found.findings if finding.kind != "void"} == {"note"}
    assert [finding.kind for finding in found.findings if finding.severity.value == "fatal"] == ["void"]


async def test_an_honest_model_is_calibrated_lifts_what_it_supports_and_finds_what_is_wrong() -> None:
    """Three batches with two canaries each: six of six found, no false alarm, the one wrong claim is taken out."""
    wrong = value(7, bells=207)
    found = await held(Model(honest), values=(*VALUES[:6], wrong, *VALUES[7:]))
    worth = found.calibration
    assert worth is not None
    assert (worth.state, worth.planted, worth.found) == (Reliance.CALIBRATED, 6, 6)
    assert (worth.controls, worth.alarms) == (6, 0)
    assert worth.left is not None
    assert (worth.left.confirmed, worth.left.left) == (1, 0.0)
    assert [each.row for each in found.values if each.standing is Standing.REFUTED] == ["07"]
    assert {each.standing for each in found.values if each.row != "07"} == {Standing.ACCEPTED}


async def test_runs_add_up_to_a_calibration() -> None:
    """One batch is not enough to know a model by; with two earlier runs it is."""
    alone = await held(Model(honest), values=VALUES[:8])
    past = tuple(Heard(f"{n}", "judge", "p", "cells", 2, 2, 2, 0) for n in range(2))
    pooled = await held(Model(honest), values=VALUES[:8], past=past)
    assert alone.calibration is not None
    assert pooled.calibration is not None
    states = (alone.calibration.state, pooled.calibration.state)
    assert states == (Reliance.UNCALIBRATED, Reliance.CALIBRATED)


async def test_an_invented_refutation_costs_nothing_and_counts_against_the_model() -> None:
    """No value is touched, no finding made; each one on a claim is a false alarm."""
    found = await held(Model(inventor))
    assert found.values == VALUES
    assert [finding.kind for finding in found.findings] == ["void"]
    assert found.calibration is not None
    assert (found.calibration.found, found.calibration.alarms) == (0, NUMBER)


@given(st.text(min_size=1, max_size=12), st.integers(1, NUMBER), st.integers(0, 3))
def test_what_is_planted_never_gets_out(seed: str, number: int, calls: int) -> None:
    """Over runs, sizes and reserves: each call holds canaries that pass the checks, none is a claim, all come out."""
    values = VALUES[:number]
    found = docket(values, bench(seed=seed, calls=calls))
    claims = {each.claims[0].id for each in values}
    planted = [q for batch in found.batches for q in batch if q.role is Role.CANARY]
    assert all(any(q.role is Role.CANARY for q in batch) for batch in found.batches)
    assert not {q.value.claims[0].id for q in planted} & claims
    for question in planted:
        assert locate(question.value.claims[0].quote, question.passage) is not None
        assert f"keeps {question.value.value} bells" not in question.passage

    heard = asyncio.run(hear(values, bench=bench(seed=seed, calls=calls), refute=Model(honest), at_once=2))
    assert {each.claims[0].id for each in heard.values} == claims
    assert {word.id for word in heard.words if word.role is Role.CANARY} == {q.id for q in planted}
    left = orjson.dumps([heard.values, heard.findings]).decode()
    assert not any(question.value.claims[0].id in left for question in planted)


def test_a_canary_looks_like_a_claim() -> None:
    """Ids of one form, places that differ from call to call, no word about its role in what is asked."""
    found = docket(VALUES, bench())
    places = [[place for place, q in enumerate(batch) if q.role is Role.CANARY] for batch in found.batches]
    assert len({tuple(each) for each in places}) > 1
    for batch in found.batches:
        goal = hearing_task(batch, ()).goal
        assert re.findall(r"^id ([0-9a-f]{12}): bells of \d\d is \d+$", goal, re.MULTILINE) == [q.id for q in batch]
        assert "canary" not in goal


def test_the_same_run_is_asked_the_same() -> None:
    """Task for task; another run is not."""
    one, same, other = (
        [hearing_task(batch, ()).id for batch in docket(VALUES, bench(seed=seed)).batches] for seed in ("a", "a", "b")
    )
    assert one == same
    assert one != other


async def test_a_gate_cut_off_in_the_middle_pays_nothing_twice() -> None:
    """What was answered is read from the record; only the rest is asked."""
    model = Model(honest, fault=JournalFault("the disk is full"), calls=2)
    with pytest.raises(JournalFault):
        await held(model)
    model.fault = None
    found = await held(model)
    ids = [task.id for task in model.asked]
    assert len(ids) == len(set(ids)) == 3
    assert found.words == (await held(Model(honest))).words


async def test_a_second_round_asks_only_what_is_new() -> None:
    """Words of the round before hold: what a repair changed is asked first, with a canary beside it."""
    first = await held(Model(honest))
    model = Model(honest)
    mended = (value(1, bells=201), *VALUES[1:])
    second = await hear(mended, bench=bench(earlier=first.words), refute=model, at_once=1)
    (task,) = model.asked
    assert task.goal.count("\n<passage>") == 2
    assert second.values[0].standing is Standing.REFUTED
    assert second.calibration is not None
    assert second.calibration.planted == 7
    silent = await hear(mended, bench=bench(earlier=second.words), refute=None)
    assert silent.values == second.values


async def test_headline_claims_go_first_and_the_report_says_what_was_not_asked() -> None:
    """A reserve of one call: eight headline claims are asked, of the others none, and a sentence counts them."""
    leads = {f"{n:02}" for n in range(17, 25)}
    model = Model(honest)
    found = await held(model, calls=1, headline=lambda each: each.row in leads)
    (task,) = model.asked
    asked = re.findall(r"bells of (\d\d) is", task.goal)
    assert leads <= set(asked)
    assert len(asked) == 10
    assert "spoke on 8 of 24 claims" in found.asked
    assert "16 of lower risk were not asked" in found.asked


async def test_risk_orders_the_rest() -> None:
    """Unverified claims before those that two readers or the data carry."""
    model = Model(honest)
    await held(model, calls=2)
    rows = {row for task in model.asked for row in re.findall(r"bells of (\d\d) is", task.goal)}
    asked = docket(VALUES, bench(calls=2)).asked
    assert {question.role for question in asked.values()} == {Role.CLAIM}
    assert len(rows) >= 16


async def test_a_model_that_cannot_be_asked_leaves_claims_as_they_are() -> None:
    """The rest is counted in a sentence; what was said before counts."""
    model = Model(honest, fault=QuotaExhausted("no money"), calls=1)
    found = await held(model)
    assert found.silences == ("16 claims: the refuting model could not be asked (QuotaExhausted: no money).",)
    assert len([word for word in found.words if word.role is not Role.CANARY]) == 8


async def test_a_canary_that_a_check_catches_is_not_planted() -> None:
    """Where every flaw would be caught for nothing, none is planted and the model stays uncalibrated."""
    found = await held(Model(honest), passes=lambda each: False)
    assert found.calibration is not None
    assert (found.calibration.planted, found.calibration.state) == (0, Reliance.UNCALIBRATED)


def test_no_canary_is_made_of_a_claim_that_its_own_quote_does_not_say() -> None:
    """A flaw in what is wrong itself may make it right: then a good model would seem to miss it."""
    wrong = tuple(value(n, bells=500 + n) for n in range(1, 9))
    found = docket(wrong, bench())
    assert not [q for batch in found.batches for q in batch if q.role is Role.CANARY]


def test_a_sentence_that_cites_claims_is_made_into_a_canary_too() -> None:
    """It keeps what it rests on and the passages of that; only its words are another's."""
    bases = value(1).claims
    row = UnitKey("r.md.sections[0]")
    words = "Some of the 21 bells of station 01 were cast before the others."
    own = Claim(TaskId("m"), row, "bullets[0]", words, "", "", rests=(bases[0].id,))
    sentence = Value(row, "bullets[0]", words, Standing.UNVERIFIED, (own, *bases), ("rests on 1 claims",))
    found = docket((sentence, *VALUES[:3]), replace(bench(), passes=lambda each: "[" in each.field))
    (canary,) = [q for batch in found.batches for q in batch if q.role is Role.CANARY]
    assert canary.kind == "sentences"
    assert canary.value.claims[1:] == bases
    assert canary.value.value != words
    assert canary.passage == next(q for batch in found.batches for q in batch if q.value == sentence).passage


def test_known_flaws_are_asked_about_too() -> None:
    """A value that its own passage does not say is put among the others, as what was claimed."""
    claim = value(5, bells=999).claims[0]
    lost = Value(claim.row, "bells", None, Standing.REFUTED, (claim,), ("its quote says otherwise",), 999)
    found = docket((*VALUES[:4], lost), bench())
    (known,) = [q for q in found.asked.values() if q.role is Role.KNOWN]
    assert known.value.value == 999
