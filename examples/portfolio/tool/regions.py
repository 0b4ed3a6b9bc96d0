"""Mean temperature of each region, from the delivered table: `python regions.py stations.csv`."""

import csv
import sys
from collections import defaultdict


def means(path):
    """Region to the mean of its stations' means."""
    held = defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            held[row["region"]].append(float(row["mean"]))
    return {region: sum(figures) / len(figures) for region, figures in held.items()}


if __name__ == "__main__":
    for region, mean in sorted(means(sys.argv[1]).items()):
        print(f"{region:12} {mean:6.2f}")
