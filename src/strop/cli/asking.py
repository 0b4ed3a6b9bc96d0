"""A person's word at the terminal."""

from __future__ import annotations

import sys

from strop.errors import HumanAwaited


def confirmed(question: str, *, yes: bool, again: str) -> None:
    """Go on only with a person's word.

    Raises:
        HumanAwaited: nobody is there, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise HumanAwaited(
            f"a person has to say so, and there is no terminal to ask at. Where it is your word: {again}"
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise HumanAwaited("not approved; nothing was changed")
