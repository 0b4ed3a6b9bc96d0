"""`--budget KEY=VALUE`, as it is typed."""

from __future__ import annotations

from collections.abc import Mapping

from strop.errors import BadInput


def caps_of(options: list[str] | None) -> Mapping[str, str]:
    """Caps by the keys of the spec's budget.

    Raises:
        BadInput: one that is no key=value.
    """
    caps: dict[str, str] = {}
    for option in options or []:
        key, _, value = option.partition("=")
        if not value.strip() or not key.strip().isidentifier() or "\n" in value:
            raise BadInput(f"--budget {option!r}: write a cap as key=value, for example --budget usd=8")
        caps[key.strip()] = value.strip()
    return caps
