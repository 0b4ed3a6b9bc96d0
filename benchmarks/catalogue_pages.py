"""The demo's pages with what the gate can prove on them without a model; for other benchmarks, no figure of its own.

Every reader's value is a wrong one on purpose, so what comes out proved was counted in the companion table and
found in a sentence of the page: the gate's corrections. Gold is never looked at here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "examples" / "catalogue"))

import baseline as baseline  # noqa: E402 - it lies beside the demo, not in a package
import prepare  # noqa: E402 - as above

from strop.checking.judge import Evidence, judge  # noqa: E402 - as above
from strop.loop.specify import specify  # noqa: E402 - as above
from strop.tools.tables import recompute  # noqa: E402 - as above
from strop.types.content import Scalar  # noqa: E402 - as above
from strop.types.fingerprint import digest_bytes  # noqa: E402 - as above
from strop.types.trial import Claim, Verdict  # noqa: E402 - as above
from strop.types.work import Column, Spec, TaskId, UnitKey  # noqa: E402 - as above

FIELDS = ("name", "rows", "columns", "first", "last")
SEED = 8
"""The demo's."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages of one part: by unit, and what the gate proves on them."""

    keys: tuple[UnitKey, ...]
    texts: Mapping[UnitKey, str]
    verdict: Verdict
    gold: Mapping[UnitKey, Mapping[str, Scalar]]

    @property
    def sources(self) -> dict[str, str]:
        """Texts by the paths that claims name."""
        return {source(key): text for key, text in self.texts.items()}


def source(key: UnitKey) -> str:
    return f"inputs/{key}.txt"


def spec() -> Spec:
    """What the demo orders."""
    return specify((ROOT / "examples" / "catalogue" / "spec.md").read_bytes(), name="spec.md")


def batches(out: Path, *, first: int, second: int) -> tuple[Batch, Batch]:
    """The demo's two parts, fetched and cut as the demo does it.

    Raises:
        prepare.Refused: the pages cannot be fetched.
    """
    prepare.prepare(out, seed=SEED, sizes=(first, second, 0))
    folder = out / "project"
    gold = json.loads((folder / "gold.json").read_text("utf-8"))
    parts = json.loads((folder / "items.json").read_text("utf-8"))["parts"]
    return _batch(folder, "inputs-1", parts["inputs-1"], gold), _batch(folder, "inputs-2", parts["inputs-2"], gold)


def _batch(folder: Path, part: str, names: Sequence[str], gold: Mapping[str, Mapping[str, Scalar]]) -> Batch:
    keys = tuple(UnitKey(name) for name in names)
    texts = {key: (folder / part / f"{key}.txt").read_text("utf-8") for key in keys}
    columns = tuple(column for column in spec().table if column.read)
    claims = tuple(
        claim
        for key in keys
        for column in columns
        for claim in _claims(key, column, texts[key], folder / "data" / f"{key}.csv")
    )
    evidence = Evidence(claims, {source(key): texts[key] for key in keys})
    values, findings = judge(evidence, columns=columns, rows=keys)
    return Batch(keys, texts, Verdict(True, values, findings, ()), {key: gold[key] for key in keys})


def _claims(key: UnitKey, column: Column, text: str, table: Path) -> tuple[Claim, Claim]:
    """What the table counts, and a reader who is always wrong."""
    count = recompute(table, column.recompute or "")
    path, task = f"data/{key}.csv", TaskId("count")
    counted = Claim(task, key, column.name, count, path, "", locator=f"table:{column.recompute}({path})")
    wrong = Claim(TaskId("read"), key, column.name, "nothing of the kind", source(key), digest_bytes(text.encode()))
    return counted, replace(wrong, reader=1)
