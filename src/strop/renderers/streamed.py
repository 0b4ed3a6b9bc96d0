"""Files that are written row by row: a table of any length is never held, and a file is whole or not there."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from strop.errors import BadInput
from strop.renderers.cells import checked, clean
from strop.types.content import Part, Table


@contextmanager
def written(to: Path) -> Generator[BinaryIO]:
    """The file to write into; it is taken away where writing fails midway."""
    with to.open("wb") as file:
        try:
            yield file
        except BaseException:
            to.unlink()
            raise


def only_table(part: Part, *, form: str) -> Table:
    """The one table of a part for a format that holds no more; its rows are looked at as they are written.

    Raises:
        BadInput: the part is not exactly one table.
    """
    if len(part.content) == 1 and isinstance(part.content[0], Table):
        return part.content[0]
    checked(part)
    raise BadInput(f"{part.file}: a {form} holds exactly one table. Ask for an XLSX, or one {form} a table")


def distinct_names(table: Table, *, file: str) -> tuple[str, ...]:
    """The columns' names, for formats whose rows go by name.

    Raises:
        BadInput: two are alike.
    """
    names = tuple(clean(head.name) for head in table.heads)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{file}: two columns are named {twice[0]!r}. Rename one; rows go by name there")
    return names
