"""Numbers of things in sentences for people."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 field`, `1,200 fields`; `plural` where an s behind the noun is wrong."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def agreeing(number: int, one: str, many: str) -> str:
    """The verb that goes with so many: `was` or `were`."""
    return one if number == 1 else many
