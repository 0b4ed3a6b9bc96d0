"""The portfolio's inputs: a table of invented measuring stations, and a page a region that tells figures of it.

Everything follows from one seed. Each sentence of a page states figures that are true of the table, so
that what is written from the pages can be held against the table.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

REGIONS = tuple(
    "Alderfell Brackmoor Cindermere Dunvale Eastholm Fernreach Greywater Harrowfen Inchmarsh Junipel "
    "Kestrelby Larkmoor Mossgill Northlea Otterfen Pinewold Quarrow Reedmere Saltholm Thornwick".split()
)
KINDS = ("river", "lake", "well", "spring")
WARMER = {"river": 0.6, "lake": 2.1, "well": -1.4, "spring": -2.7}
"""Degrees that each kind of water adds."""
DECADES = tuple(range(1950, 2030, 10))
SHARES = (5, 7, 11, 14, 13, 19, 22, 9)
"""How many of a hundred stations opened in each decade."""
HEAD = ("station", "region", "water", "opened", "altitude", "mean", "highest", "readings", "active")
YEAR = 2025


@dataclass(frozen=True, slots=True)
class Station:
    """One row: altitude in metres, temperatures in degrees, readings of the last year."""

    name: str
    region: str
    water: str
    opened: date
    altitude: int
    mean: Decimal
    highest: Decimal
    readings: int
    active: bool

    @property
    def cells(self) -> tuple[object, ...]:
        said = (self.name, self.region, self.water, self.opened.isoformat(), self.altitude, self.mean, self.highest)
        return (*said, self.readings, "true" if self.active else "false")


def stations(rows: int, regions: Sequence[str], *, seed: int = 11) -> list[Station]:
    """That many stations, spread unevenly over the regions; the same for the same arguments."""
    chance = random.Random(seed)
    weights = [chance.uniform(0.6, 1.6) for _ in regions]
    tops = {region: chance.randrange(1_300, 2_400) for region in regions}
    warmth = {region: chance.uniform(-1.5, 1.5) for region in regions}
    made: list[Station] = []
    for number in range(1, rows + 1):
        region = chance.choices(regions, weights)[0]
        water = chance.choices(KINDS, (46, 21, 20, 13))[0]
        altitude = int(tops[region] * chance.random() ** 1.4) + 3
        decade = chance.choices(DECADES, SHARES)[0]
        opened = date(decade, 1, 1) + timedelta(days=chance.randrange(365 * (6 if decade == DECADES[-1] else 10)))
        mean = 13.5 + warmth[region] + WARMER[water] - altitude * 0.0042 + chance.gauss(0, 0.8)
        highest = mean + abs(chance.gauss(7, 2)) + 0.5
        active = chance.random() > 0.06
        readings = chance.randrange(180, 8_760) if active else 0
        degrees = (Decimal(f"{mean:.2f}"), Decimal(f"{highest:.1f}"))
        made.append(Station(f"S-{number:05}", region, water, opened, altitude, *degrees, readings, active))
    return made


def page(region: str, held: Sequence[Station]) -> str:
    """What a region's page says, computed from its stations."""
    top, cold = max(held, key=lambda s: (s.highest, s.name)), min(held, key=lambda s: (s.mean, s.name))
    old, high = min(held, key=lambda s: (s.opened, s.name)), max(held, key=lambda s: (s.altitude, s.name))
    low = min(station.altitude for station in held)
    kinds = {kind: [station for station in held if station.water == kind] for kind in KINDS}
    opened = [sum(decade <= s.opened.year < decade + 10 for s in held) for decade in DECADES]
    bands = (
        ("below 500 metres", [s for s in held if s.altitude < 500]),
        ("from 500 to 999 metres", [s for s in held if 500 <= s.altitude < 1_000]),
        ("at 1,000 metres or more", [s for s in held if s.altitude >= 1_000]),
    )
    lines = [
        f"# {region}",
        f"{region} has {len(held):,} stations.",
        *(f"{len(kinds[kind]):,} stations of {region} stand at {kind}s." for kind in KINDS),
        f"The mean temperature of the water in {region} is {_mean(held, 'mean')} degrees.",
        f"The highest reading of {region}, {top.highest} degrees, comes from {top.name}.",
        f"The coldest water of {region} is that of {cold.name}, {cold.mean} degrees in the mean.",
        *(f"At {kind}s of {region} the mean is {_mean(kinds[kind], 'mean')} degrees." for kind in KINDS),
        f"The oldest station of {region} is {old.name}, opened in {old.opened.year}.",
        *(f"In the {decade}s {count:,} stations opened in {region}." for decade, count in _pairs(opened)),
        f"In {region} {sum(s.opened.year >= 2000 for s in held):,} stations have opened since 2000.",
        f"The stations of {region} stand {_mean(held, 'altitude')} metres high on average.",
        f"The lowest of {region} stands at {low:,} metres.",
        f"The highest station of {region}, {high.name}, stands at {high.altitude:,} metres.",
        *(f"{len(band):,} stations of {region} stand {name}." for name, band in bands),
        *(f"The mean of {region} {name} is {_mean(band, 'mean')} degrees." for name, band in bands),
        f"In {YEAR} the stations of {region} took {sum(s.readings for s in held):,} readings.",
        f"{sum(not s.active for s in held):,} stations of {region} are at rest.",
    ]
    return "\n\n".join(lines) + "\n"


def _pairs(opened: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(DECADES, opened, strict=True)


def _mean(held: Sequence[Station], field: str) -> Decimal:
    of: Callable[[Station], Decimal] = lambda station: Decimal(getattr(station, field))  # noqa: E731 - one line, named
    return (sum(map(of, held), Decimal(0)) / len(held)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def prepare(folder: Path, *, rows: int, regions: int) -> None:
    """`inputs/stations.csv` and `regions/*.md` under `folder`."""
    named = REGIONS[:regions]
    made = stations(rows, named)
    (folder / "inputs").mkdir(parents=True)
    with (folder / "inputs" / "stations.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows(station.cells for station in made)
    (folder / "regions").mkdir()
    for region in named:
        held = [station for station in made if station.region == region]
        (folder / "regions" / f"{region.lower()}.md").write_text(page(region, held), encoding="utf-8")
