"""Server-sent events from bytes that arrive in any pieces.

After the WHATWG rules: lines end with LF, CRLF or CR, a colon alone starts a comment, several
`data` lines join with LF, a blank line ends the event. Two kindnesses: an event that the end of the
stream cuts off before its blank line still counts (some servers forget it), and a leading BOM is dropped.
"""

from __future__ import annotations


class EventParser:
    """Feed it chunks; it gives the data of the events that they complete.

    Event names are passed over: on both wires the data says what it is.
    """

    __slots__ = ("_held", "_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        """The block that no blank line has ended yet."""
        self._held = b""
        """A CR at the end of a chunk: its LF may come with the next."""
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that end within `chunk`."""
        text = self._rest + self._held + chunk
        self._held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):
                text, self._held = text[:-1], b"\r"
            # JSON never holds a raw CR, so every one is a line end.
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not self._started:
            if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                self._rest = text
                return []
            self._started = True
            text = text.removeprefix(b"\xef\xbb\xbf")
        *blocks, self._rest = text.split(b"\n\n")
        events: list[bytes] = []
        for block in blocks:
            if block[:6] == b"data: " and b"\n" not in block:  # nearly all of them
                events.append(block[6:])
            elif (data := _data_of(block)) is not None:
                events.append(data)
        return events

    def end(self) -> list[bytes]:
        """The event that the stream's end left without a blank line, if any."""
        return self.feed(b"\n\n")


def _data_of(block: bytes) -> bytes | None:
    """The data of one block of lines; None where it has none (a comment, a name alone)."""
    data = [line[6:] if line[5:6] == b" " else line[5:] for line in block.split(b"\n") if line[:5] == b"data:"]
    return b"\n".join(data) if data else None
