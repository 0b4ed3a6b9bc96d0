"""`strop specify`: a spec file is checked, a wish becomes a draft."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from strop.app import draft_of, open_project, spec_of
from strop.cli.console import out, print_json
from strop.errors import BadInput


def checked(path: Path, *, as_json: bool) -> None:
    """Say what a spec file orders.

    Raises:
        SpecRefused: it is none; with line and fix.
        BadInput: it is a folder.
    """
    if not path.is_file():
        raise BadInput(f"{path} is a folder. Name a spec file, or say in a sentence what you want")
    spec = spec_of(path.read_bytes(), name=path.name)
    files = [output.file for output in spec.outputs]
    if as_json:
        print_json({"spec": spec, "draft": None})
    else:
        out.print(f"{path} is a spec: {spec.title}", highlight=False, markup=False, soft_wrap=True)
        out.print(f"It orders {', '.join(files)}. Next: strop plan {path}", highlight=False, soft_wrap=True)


def drafted(wish: str, *, to: Path | None, planner: str, as_json: bool) -> None:
    """Write a draft, on stdout or to a new file.

    Raises:
        BadInput: no wish, or a file that is there already; known before a planner is paid.
        SpecRefused: the planner's draft is no spec.
    """
    if len(wish.split()) < 2:
        raise BadInput(
            f"{wish!r} is no file here, and too short for a wish. Say in a sentence what you want: "
            'strop specify "compare the licences of these packages" --out spec.md'
        )
    if to is not None and to.exists():
        raise BadInput(f"{to} is there already; name another file")
    text = asyncio.run(draft_of(open_project(to.parent if to else Path()), wish, planner=planner))
    spec_of(text.encode(), name="the draft")
    if to is not None:
        to.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"draft": text, "file": str(to) if to else None})
    elif to is None:
        sys.stdout.write(text)
    else:
        out.print(f"wrote {to}. Edit deliver: first, then: strop plan {to}", highlight=False, soft_wrap=True)
