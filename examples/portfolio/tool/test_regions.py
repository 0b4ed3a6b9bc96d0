"""The program against a table of three rows."""

from pathlib import Path

from regions import means


def test_a_region_has_the_mean_of_its_stations(tmp_path: Path) -> None:
    table = tmp_path / "stations.csv"
    table.write_text("region,mean\nnorth,4.0\nnorth,6.0\nsouth,9.5\n", encoding="utf-8")
    assert means(table) == {"north": 5.0, "south": 9.5}
