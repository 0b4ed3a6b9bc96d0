"""The hand-written baseline of the catalogue: five regular expressions, no model.

It was written from a look at a few pages and before the gold values existed, and it is not
tuned to them: it stands for what an ordinary engineer has after a quarter of an hour. It
knows nothing of strop and needs only the standard library.

    python examples/catalogue/baseline.py examples/catalogue/out/project/inputs-1
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FIELDS: tuple[str, ...] = ("name", "rows", "columns", "first", "last")
Value = str | int | None


def read(text: str) -> dict[str, Value]:
    """Read the five fields out of one page; a field that no pattern finds is None."""
    rows = re.search(r"(\d[\d,]*) (?:rows|observations)", text)
    columns = re.search(r"(\d+) (?:columns|variables)", text)
    names = re.findall(r"^([\w.]+):", text, re.MULTILINE)
    return {
        "name": names[0] if names else None,
        "rows": int(rows[1].replace(",", "")) if rows else None,
        "columns": int(columns[1]) if columns else None,
        "first": names[1] if len(names) > 1 else None,
        "last": names[-1] if len(names) > 1 else None,
    }


def read_folder(folder: Path) -> dict[str, dict[str, Value]]:
    """Read every page of a folder of `ITEM.txt`, in the order of the items' names."""
    pages = sorted(folder.glob("*.txt"))
    return {page.stem: read(page.read_text(encoding="utf-8")) for page in pages}


@dataclass(frozen=True, slots=True)
class Score:
    """How many of `n` values were read as documented, and its 95 % interval (Wilson)."""

    right: int
    n: int
    share: float
    low: float
    high: float


def wilson(right: int, n: int, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """The score interval of a share (Wilson, JASA 22, 1927); (0, 1) where n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, z * z / n
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    # At the ends the bound is exact, but the float is not.
    return (0.0 if right == 0 else low), (1.0 if right == n else high)


def score(
    read_values: Mapping[str, Mapping[str, Value]],
    *,
    gold: Mapping[str, Mapping[str, Value]],
) -> dict[str, Score]:
    """Score each field, and `all`, over the items that were read; right is exact equality.

    Raises:
        KeyError: an item was read that has no gold.
    """
    hits = {field: [values.get(field) == gold[item][field] for item, values in read_values.items()] for field in FIELDS}
    hits["all"] = [hit for field in FIELDS for hit in hits[field]]
    return {field: _score(right=sum(found), n=len(found)) for field, found in hits.items()}


def _score(*, right: int, n: int) -> Score:
    low, high = wilson(right, n)
    return Score(right=right, n=n, share=right / n if n else 0.0, low=low, high=high)


def main(arguments: list[str] | None = None) -> int:
    """Print what was read, or with --gold the score, as one JSON object; 2 on bad input."""
    parser = argparse.ArgumentParser(description="The regex baseline over a folder of pages.")
    parser.add_argument("folder", type=Path, help="a folder of ITEM.txt")
    parser.add_argument("--gold", type=Path, help="gold.json: print the score per field instead")
    options = parser.parse_args(arguments)
    values = read_folder(options.folder)
    if not values:
        print(f"no page (*.txt) in {options.folder}: run prepare.py first", file=sys.stderr)
        return 2
    if options.gold is None:
        print(json.dumps(values, indent=1, ensure_ascii=False))
        return 0
    try:
        gold: dict[str, dict[str, Value]] = json.loads(options.gold.read_text(encoding="utf-8"))
        scores = score(values, gold=gold)
    except OSError as error:
        print(f"cannot read the gold values: {error}", file=sys.stderr)
        return 2
    except KeyError as error:
        print(f"{options.gold} has no gold for the item {error}", file=sys.stderr)
        return 2
    print(json.dumps({field: asdict(found) for field, found in scores.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
