"""A command that signals itself while it says a certain line: no test can be late for that moment."""

from __future__ import annotations

from signal import Signals

_PRELUDE = """
import io, os, sys
class _Signalling(io.TextIOWrapper):
    def write(self, said):
        written = super().write(said)
        if {line!r} in said:
            self.flush()
            os.kill(os.getpid(), {signal})
        return written
sys.stderr = _Signalling(sys.stderr.buffer, line_buffering=True)
"""


def signalling(line: str, signal: Signals) -> str:
    """Code to run in the command's process before the command itself."""
    return _PRELUDE.format(line=line, signal=int(signal))
