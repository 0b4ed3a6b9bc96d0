"""Mean temperature of each region, from the delivered table: `python regions.py stations.csv`."""

import csv
import sys
from collections import defaultdict
from pathlib import Path


def means(path: Path) -> dict[str, float]:
    """Region to the mean of its stations' means."""
    held: defaultdict[str, list[float]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            held[row["region"]].append(float(row["mean"]))
    return {region: sum(figures) / len(figures) for region, figures in held.items()}


if __name__ == "__main__":
    for region, mean in sorted(means(Path(sys.argv[1])).items()):
        print(f"{region:12} {mean:6.2f}")
