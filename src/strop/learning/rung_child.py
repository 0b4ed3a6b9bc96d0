"""The child that runs expressions: one JSON object in, one JSON line out for each expression, as each is done.

It is started as a file of its own with an isolated interpreter, imports nothing of strop, and opens nothing.
The parent ends it when a line is late.
"""

import json
import re
import sys

MOST = 2
"""Matches that are told of one expression: the second says that the first is not the only one."""


def main() -> None:
    """Say `ready`, then [spans of the whole match, spans of the first group] for each expression."""
    asked: dict[str, str | list[str]] = json.loads(sys.stdin.buffer.read())
    print(json.dumps("ready"), flush=True)
    for pattern in asked["patterns"]:
        spans: list[list[int]] = []
        for found in re.finditer(pattern, str(asked["text"])):
            spans.append([*found.span(), *found.span(1)])
            if len(spans) == MOST:
                break
        print(json.dumps(spans), flush=True)


if __name__ == "__main__":
    main()
