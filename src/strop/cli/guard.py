"""The last line of the command line: whatever went wrong becomes one message and one exit code, never a traceback.

Set STROP_DEBUG=1 to see where a fault of ours stands.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

import typer

from strop.errors import (
    AuthRefused,
    BadInput,
    EndpointDown,
    Interrupted,
    JournalFault,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    StropError,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk, the user's share of it, or the largest file allowed is used up."""
NEXT = {
    AuthRefused: "Mend the key in the environment (strop doctor names it), then try again",
    QuotaExhausted: "Top up the account there, or name another model, then try again",
    RateLimited: "Wait a while, or name another model, then try again",
    EndpointDown: "See that it runs and that the URL is right, or name another model, then try again",
}
"""The next move after a call that failed outside an agent's task (planning, a draft)."""


def guarded(command: Callable[[], int], *, arguments: Sequence[str] = ()) -> int:
    """Run a command; every error becomes one message on stderr and its exit code.

    With `--json` among the arguments stdout gets one JSON object too.
    """
    try:
        return command()
    except typer.Exit as caught:
        return int(caught.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`strop runs | head`); at exit Python would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as caught:
        if isinstance(caught, SystemExit) or os.environ.get("STROP_DEBUG"):
            raise
        cause = _single(caught)
        message, code = _told(cause)
        _complain(message, code, type(cause).__name__, as_json="--json" in arguments)
        return code


def _single(caught: BaseException) -> BaseException:
    """What a task group wraps, where it wraps one."""
    if not isinstance(caught, BaseExceptionGroup):
        return caught
    inner = list(cast("BaseExceptionGroup[BaseException]", caught).exceptions)
    return _single(inner[0]) if len(inner) == 1 else cast("BaseException", caught)


def _told(caught: BaseException) -> tuple[str, int]:
    """(what happened and the next move, exit code)."""
    match caught:
        case ModelFailure():
            move = next((text for kind, text in NEXT.items() if isinstance(caught, kind)), "")
            return _sentences(str(caught), move), BadInput.exit_code
        case JournalFault() if "--resume" not in str(caught) and "postgresql://" not in str(caught):
            return _sentences(str(caught), "See that the disk has room and the file is whole, then try again"), 70
        case StropError():
            return str(caught), caught.exit_code
        case KeyboardInterrupt() | typer.Abort():
            return "interrupted", Interrupted.exit_code
        case OSError():
            return _of_system(caught)
        case _ if type(caught).__module__.startswith(("typer", "click")) and hasattr(caught, "format_message"):
            return _usage(caught), BadInput.exit_code
        case _:
            what = f"a fault of ours: {type(caught).__name__}: {caught}"
            return _sentences(
                what, "What was committed stands. See where with STROP_DEBUG=1, and report it"
            ), StropError.exit_code


def _of_system(caught: OSError) -> tuple[str, int]:
    said = caught.strerror or str(caught)
    what = f"{caught.filename}: {said}" if caught.filename else said
    if caught.errno in FULL:
        move = "What was committed stands. Free space, then go on with: strop run --resume ID (see strop runs)"
        return _sentences(what, move), StropError.exit_code
    return _sentences(what, "Mend this, then try again"), BadInput.exit_code


def _usage(caught: BaseException) -> str:
    """A usage error, with where to read on. The parser's own words, which have no type that is public."""
    said = str(getattr(caught, "format_message", lambda: caught)())
    context = getattr(caught, "ctx", None)
    path = getattr(context, "command_path", "") or "strop"
    return _sentences(said, f"See: {path} --help")


def _sentences(first: str, second: str) -> str:
    return f"{first.rstrip('. ')}. {second}" if second else first


def _complain(message: str, code: int, kind: str, *, as_json: bool) -> None:
    from rich.markup import escape

    from strop.cli.console import err, print_json

    err.print(f"[red]strop:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    if as_json:
        print_json({"error": {"kind": kind, "message": message, "exit_code": code}})
