"""Where the command line speaks: results on stdout, progress and complaints on stderr."""

from __future__ import annotations

import sys

from rich.console import Console

out = Console()
err = Console(stderr=True)


def print_json(body: object) -> None:
    """One JSON object on stdout."""
    import orjson

    sys.stdout.write(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n")
