"""From an id, or a place in a delivered file, to what a value rests on. Reads; changes nothing.

A place is `packages.csv:12.licence` (row 12 below the heads, as in `table.csv` so in `table.json`) or
`audit.xlsx!Sheet!B12` (a cell as a workbook names it).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from strop.app.parts import inside_of
from strop.app.project import Project, state_of
from strop.checking.claims import Claiming, Ledger, Resolved, find, ledger_of, resolve
from strop.checking.judge import GATE
from strop.errors import BadInput, JournalFault, MissingPart
from strop.loop.deliver import CLAIMS, parts
from strop.renderers.sheets import sheet_names
from strop.swarm.fold import RunFold
from strop.tools.inside import decoded
from strop.tools.tables import answer, parse_ask
from strop.types.content import Cell, Scalar, Standing, Table
from strop.types.fingerprint import digest_bytes
from strop.types.trial import Claim, Verdict
from strop.types.work import Kind, UnitKey, kind_of

_CELL = re.compile(r"(?P<file>.+?)!(?P<sheet>.+)!\$?(?P<letters>[A-Za-z]{1,3})\$?(?P<row>[1-9]\d{0,6})")
_ROW = re.compile(r"(?P<file>.+):(?P<row>[1-9]\d{0,8})\.(?P<column>.+)", re.DOTALL)
_TAKEN = re.compile(r"row (?P<row>[1-9]\d*) column (?P<column>.+)", re.DOTALL)
_TABLE = re.compile(r"table:(?P<ask>[^()]+(?:\([^()]*\)[^()]*)*)\((?P<path>[^()]+)\)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a name led to: the claim resolved, and how the gate judged the value it stands for."""

    resolved: Resolved
    place: str = ""
    """The place that was asked for; empty where it was an id."""


def lookup(project: Project, folder: Path, name: str) -> Found:
    """The claim of an id, of a unique beginning of one, or of a place in a delivered file.

    Raises:
        BadInput: no claim has the id, several have, or nothing that is claimed stands at the place.
        JournalFault: the run cannot be read.
    """
    state = state_of(folder)
    if state.plan is None:
        raise BadInput(
            f"run {folder.name} was stopped before it had a plan. Go on with: strop run --resume {folder.name}"
        )
    ledger = ledger_of_run(project, state)
    if _CELL.fullmatch(name) or _ROW.fullmatch(name):
        return Found(_at(name, state, folder, ledger), name)
    return Found(resolve(ledger, find(ledger, name)))


def ledger_of_run(project: Project, state: RunFold) -> Ledger:
    """Every claim of a run, with the stored texts and the tables as they are now."""
    run = state.run()
    _, material = inside_of(project, run.plan.spec)
    paths = {claim.source_hash: claim.source for claim in run.claims}

    def text(digest: str) -> str:
        try:
            return project.blobs.get(digest).decode()
        except JournalFault:  # a run of an older strop stored no sources; the file may still be what it was
            body = material.read_text(paths.get(digest, ""))
            if digest_bytes(body.encode()) != digest:
                raise BadInput(f"{paths[digest]} has changed since it was read, and was not stored") from None
            return body

    def ask(claim: Claim) -> Scalar:
        if asked := _TABLE.fullmatch(claim.locator):
            return answer(text(claim.source_hash), parse_ask(asked["ask"]), path=asked["path"])
        if placed := _TAKEN.fullmatch(claim.locator):
            return _taken(material.read(claim.source), claim, int(placed["row"]), placed["column"])
        raise BadInput(f"nobody here can ask {claim.locator} again")

    values = state.verdict.values if state.verdict else ()
    return ledger_of(run.claims, values=values, sources=run.sources, text=text, ask=ask)


def _taken(body: bytes, claim: Claim, row: int, column: str) -> Scalar:
    """The cell of a table that went over as it is.

    Raises:
        BadInput: the file has changed since, or has no such cell.
    """
    text = decoded(body, path=claim.source)
    if claim.source_hash not in (digest_bytes(body), digest_bytes(text.encode())):
        raise BadInput(f"{claim.source} has changed since it was read, and was not stored")
    tabs = claim.source.endswith(".tsv")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",")
    found = next(islice(rows, row - 1, None), None)
    if found is None or column not in found:
        raise BadInput(f"{claim.source} has no cell in row {row}, column {column}")
    return found[column]


# ---------------------------------------------------------------- places in files


def _at(name: str, state: RunFold, folder: Path, ledger: Ledger) -> Resolved:
    if state.verdict is None:
        raise BadInput(f"{name}: the gate has not judged this run yet, so its files hold no values")
    if found := _CELL.fullmatch(name):
        table, row, column = _cell_of(found, state, folder, state.verdict)
    else:
        asked = _ROW.fullmatch(name)
        assert asked is not None, "the caller looked"
        table = _tables(asked["file"], state, state.verdict)[0]
        heads = [head.name for head in table.heads]
        if asked["column"] not in heads:
            raise BadInput(f"{asked['file']} has no column {asked['column']!r}; it has {', '.join(heads)}")
        row, column = int(asked["row"]), heads.index(asked["column"])
    return _claimed(name, table, row, column, ledger)


def _tables(file: str, state: RunFold, verdict: Verdict) -> list[Table]:
    made = {part.file: part.content for part in parts(state.run(), verdict=verdict)}
    if file not in made:
        raise BadInput(f"{file} is no file of this run. It delivered: {', '.join(sorted(made))}")
    tables = [content for content in made[file] if isinstance(content, Table)]
    if not tables:
        raise BadInput(f"{file} holds no table; name a claim by its id, which stands beside the value")
    return tables


def _cell_of(found: re.Match[str], state: RunFold, folder: Path, verdict: Verdict) -> tuple[Table, int, int]:
    """The table, its row from 1 and its column of a workbook's cell, by the heads in the delivered file."""
    file, wanted = found["file"], found["sheet"].strip("'")
    if kind_of_file(file) is not Kind.XLSX:
        raise BadInput(f"{file} is no workbook; write {file}:ROW.COLUMN")
    tables = _tables(file, state, verdict)
    names = sheet_names([table.name for table in tables])
    if wanted not in names:
        raise BadInput(f"{file} has no sheet {wanted!r} with values; it has {', '.join(names)}")
    table = tables[names.index(wanted)]
    path = folder / "files" / file
    first, places = _heads(path, wanted, [head.name for head in table.heads])
    row, column = int(found["row"]) - first, places.get(found["letters"].upper())
    if row < 1 or column is None:
        raise BadInput(f"{file}!{wanted}!{found['letters']}{found['row']} is a head or lies beside the table")
    return table, row, column


def _heads(path: Path, sheet: str, heads: list[str]) -> tuple[int, dict[str, int]]:
    """(number of the row that has the heads, column of the table by its letters)."""
    lines = _lines(path, sheet)
    for number, cells in enumerate(islice(lines, 50), start=1):
        places = {cell: at for at, cell in enumerate(cells)}
        if set(heads) <= set(places):
            return number, {_letters(places[head]): at for at, head in enumerate(heads)}
    raise BadInput(f"{path.name}!{sheet}: its heads are not where they were written")


def _lines(path: Path, sheet: str) -> Iterator[list[str]]:
    try:
        from openpyxl import load_workbook
    except ImportError as absent:
        raise MissingPart("looking into a workbook needs openpyxl: pip install 'strop[files]'") from absent
    with path.open("rb") as file:
        book = load_workbook(file, read_only=True)
        try:
            for cells in book[sheet].iter_rows(values_only=True):
                yield ["" if cell is None else str(cell) for cell in cells]
        finally:
            book.close()


def _letters(column: int) -> str:
    letters, left = "", column + 1
    while left:
        left, rest = divmod(left - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def kind_of_file(file: str) -> Kind | None:
    """The kind by the name's ending; None for one that is none of ours."""
    try:
        return kind_of(file)
    except ValueError:
        return None


def _claimed(name: str, table: Table, row: int, column: int, ledger: Ledger) -> Resolved:
    """The claim behind a cell: one of the run's, or one that is made for it now."""
    cells = next(islice(iter(table.rows), row - 1, None), None)
    if cells is None:
        raise BadInput(f"{name}: the table has {len(table.rows):,} rows")
    cell, heads = cells[column], [head.name for head in table.heads]
    ids = cell.claims or _listed(table, cells)
    known = [id for id in ids if id in ledger.claims]
    if cell.formula and known and not ledger.claims[known[0]].formula:
        place = (GATE, UnitKey(str(row)), heads[column], cell.value)
        return _resolved(Claim(*place, "", "", formula=cell.formula, rests=cell.claims), ledger)
    if known:
        return resolve(ledger, known[0])
    if isinstance(table.rows, Claiming):
        return _resolved(table.rows.claim_of(row, column), ledger)
    if cell.standing is Standing.PLAIN:
        said = "nothing stands there" if cell.value is None else f"{cell.value!r} is a word of ours"
        raise BadInput(f"{name}: {said}, and no claim is behind it")
    raise BadInput(f"{name}: nobody claimed a value there; the reason stands in files/{CLAIMS}")


def _resolved(made: Claim, ledger: Ledger) -> Resolved:
    """A claim that the harness makes when it is asked for, and holds nowhere."""
    return resolve(replace(ledger, claims={**ledger.claims, made.id: made}), made.id)


def _listed(table: Table, cells: Sequence[Cell]) -> tuple[str, ...]:
    """The claim that a line of the list of claims is about."""
    if table.name != Path(CLAIMS).stem:
        return ()
    return tuple(str(cell.value) for head, cell in zip(table.heads, cells, strict=True) if head.name == "claim")
