"""The public face: what `import strop` gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import strop

HEAVY = ("aiohttp", "pydantic", "rich", "typer", "yaml", "sqlite3", "xllamacpp", "typst", "vl_convert", "genai_prices")


def test_all_public_names_are_there_and_sorted() -> None:
    """Each loads when it is first used, and there is no other."""
    assert list(strop.__all__) == sorted(strop.__all__, key=lambda name: (name.startswith("_"), name)) or list(
        strop.__all__
    ) == sorted(strop.__all__)
    for name in strop.__all__:
        assert getattr(strop, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = strop.nothing  # type: ignore[attr-defined]  # it must not be there


@pytest.mark.parametrize(
    ("code", "allowed"),
    [("import strop", ()), ("from strop.cli.main import command_line; command_line(['--help'])", ("typer",))],
)
def test_importing_and_help_load_nothing_heavy(code: str, allowed: tuple[str, ...]) -> None:
    """Libraries load where they are used; a new process says which are there."""
    probe = f"import sys; {code}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == list(allowed)
