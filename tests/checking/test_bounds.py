"""Rules that a schema can hold are held by the schema."""

from __future__ import annotations

import pytest

from strop.checking.bounds import bounded
from strop.checking.checks import parse_check
from strop.types.schema import Field, Integer, Json, Number, Object, Text, validate

SCHEMA = Object((Field("name", Text(120)), Field("rows", Integer()), Field("share", Number(0.0, 1.0))))


@pytest.mark.parametrize(
    ("check", "flawed"),
    [
        ("max_length(name, 4)", {"name": "twins", "rows": 3, "share": 0.5}),
        ("range(rows, 1, 100)", {"name": "cats", "rows": 0, "share": 0.5}),
        ("range(rows, 1, 100)", {"name": "cats", "rows": 101, "share": 0.5}),
        ("range(share, 0.25, 0.75)", {"name": "cats", "rows": 3, "share": 0.8}),
    ],
)
def test_a_flaw_that_fitted_fits_no_more(check: str, flawed: dict[str, Json]) -> None:
    """What a rule caught once cannot be answered again; a good answer still can."""
    narrower = bounded(SCHEMA, [parse_check(check)])
    assert validate(SCHEMA, flawed) == ()
    assert validate(narrower, flawed) != ()
    assert validate(narrower, {"name": "cats", "rows": 3, "share": 0.5}) == ()


def test_a_looser_bound_changes_nothing() -> None:
    """A rule never widens a schema, and one on another field or of another kind leaves it alone."""
    for check in ("max_length(name, 400)", "range(share, -1, 2)", "max_length(city, 3)", "pattern(name, [a-z]+)"):
        assert bounded(SCHEMA, [parse_check(check)]) == SCHEMA
