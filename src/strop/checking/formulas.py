"""The formulas of a delivered workbook, computed again from its bytes and held against what it shows.

An evaluator of its own for the functions that we write (SUM, AVERAGE, MEDIAN, MIN, MAX, COUNT, COUNTA,
ROUND, ABS, arithmetic, cells and ranges, also of other sheets). It shares nothing with the language the
formulas were printed from (`types.formulas`): it reads what a spreadsheet would read. Each formula is
computed from the values that its cells show, so that one wrong figure is found once and at its place.
What it does not know is told as not computed, never passed over.
"""

from __future__ import annotations

import decimal
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias
from xml.etree import ElementTree
from zipfile import ZipFile

LONGEST, DEEPEST, WIDEST = 8_192, 64, 1_000
"""Characters of a formula that are read, brackets inside each other, columns of a block."""
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"|(?:(?P<sheet>'(?:[^']|'')+'|[A-Za-z_][\w.]*)!)?\$?(?P<column>[A-Z]{1,3})\$?(?P<row>\d{1,7})(?![\w(])"
    r"|(?P<name>[A-Z][A-Z0-9.]*)(?=\()|(?P<sign>[-+*/(),:]))",
    re.ASCII,
)
_EXACT = decimal.Context(prec=50, Emax=10**6, Emin=-(10**6))


class Unknown(ValueError):
    """A formula that is not computed here; the text says why."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A formula beside what it comes to and what the file shows for it."""

    sheet: str
    cell: str
    formula: str
    """Without the equals sign."""
    shown: object
    """The value in the file's cache; None where there is none."""
    figure: Decimal | None
    """None where it comes to an error, as a division by zero does."""
    unknown: str = ""
    """Why it was not computed."""

    @property
    def holds(self) -> bool:
        """Whether the file shows what the formula comes to, but for what binary arithmetic loses."""
        if self.unknown or isinstance(self.shown, bool) or not isinstance(self.shown, int | float):
            return False
        shown = Decimal(repr(self.shown))
        return self.figure is not None and abs(shown - self.figure) <= max(abs(shown), abs(self.figure)) * _NEAR


_NEAR = Decimal("1e-11")


def recalculated(body: bytes) -> tuple[Computed, ...]:
    """Every formula of a workbook, computed from the values that its cells show.

    Raises:
        Exception: whatever the standard library says of bytes that are no workbook.
    """
    formulas: list[tuple[str, int, int, str]] = []
    shown: _Shown = {}
    with ZipFile(io.BytesIO(body)) as parts:
        sheets = _sheets(parts)
        if not any(b"<f" in parts.read(part) for part in sheets.values()):
            return ()
        for sheet, part in sheets.items():
            for cell in _walk(parts, part):
                shown.setdefault((sheet, cell.column), {})[cell.row] = cell.value
                if cell.formula is not None:
                    formulas.append((sheet, cell.row, cell.column, cell.formula))
    sums: dict[tuple[str, _Range], Decimal | None] = {}
    return tuple(_computed(place, shown, sums) for place in formulas)


def _computed(
    place: tuple[str, int, int, str], shown: _Shown, sums: dict[tuple[str, _Range], Decimal | None]
) -> Computed:
    sheet, row, column, text = place
    tree = _parsed(text, sheet)
    figure: Decimal | None = None
    unknown = tree if isinstance(tree, str) else ""
    if not isinstance(tree, str):
        try:
            figure = _figure(tree, shown, sums)
        except Unknown as caught:
            unknown = str(caught)
    return Computed(sheet, f"{_letters(column)}{row}", text.removeprefix("="), shown[sheet, column].get(row), figure,
                    unknown)  # fmt: skip


def _parsed(text: str, sheet: str) -> _Tree | str:
    try:
        return _Formula(text, sheet).whole()
    except Unknown as caught:
        return str(caught)


# ---------------------------------------------------------------- cells


@dataclass(frozen=True, slots=True)
class _At:
    row: int
    column: int
    value: object
    """A number, truth, or `TEXT` for any text."""
    formula: str | None


_Shown: TypeAlias = "dict[tuple[str, int], dict[int, object]]"
"""What cells show, by (sheet, column) and row."""
TEXT = "text"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINKS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")


def _sheets(parts: ZipFile) -> dict[str, str]:
    """The part that holds each sheet, by the sheet's name."""
    targets = {
        each.get("Id", ""): each.get("Target", "")
        for each in ElementTree.fromstring(parts.read("xl/_rels/workbook.xml.rels"))
    }
    names = ElementTree.fromstring(parts.read("xl/workbook.xml")).iter(f"{_MAIN}sheet")
    found = {each.get("name", ""): targets[each.get(f"{_LINKS}id", "")] for each in names}
    return {
        name: target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        for name, target in found.items()
        if "worksheets/" in target
    }


def _walk(parts: ZipFile, part: str) -> Iterator[_At]:
    """The filled cells of a sheet, one at a time. Of a text it says that it is one, and not which."""
    with parts.open(part) as file:
        for _, element in ElementTree.iterparse(file):
            if element.tag == f"{_MAIN}c":
                found = _CELL.fullmatch(element.get("r", ""))
                formula, value = element.find(f"{_MAIN}f"), element.findtext(f"{_MAIN}v")
                text = element.get("t", "n") in ("s", "str", "inlineStr", "e")
                if found and (formula is not None or value is not None or text):
                    shown = TEXT if text else _shown(value, element.get("t", "n"))
                    said = None if formula is None else formula.text or ""
                    yield _At(int(found[2]), column_number(found[1]), shown, said)
            elif element.tag == f"{_MAIN}row":
                element.clear()


def _shown(value: str | None, kind: str) -> object:
    if value is None:
        return None
    if kind == "b":
        return value == "1"
    try:
        return float(value)
    except ValueError:
        return TEXT


def _letters(column: int) -> str:
    found = ""
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def column_number(letters: str) -> int:
    """A column as sheets name it, counted from 1: `AB` is 28."""
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - ord("A") + 1
    return found


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class _Range:
    """A block of one sheet's cells; one cell is a block too."""

    sheet: str
    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class _Signed:
    sign: str
    parts: tuple[_Tree, ...]
    """One for a unary sign, two otherwise."""


@dataclass(frozen=True, slots=True)
class _Called:
    name: str
    parts: tuple[_Tree, ...]


_Tree: TypeAlias = "Decimal | _Range | _Signed | _Called"


class _Formula:
    """Recursive descent over the text of one formula."""

    def __init__(self, text: str, sheet: str) -> None:
        if len(text) > LONGEST:
            raise Unknown(f"{len(text):,} characters are more than are read")
        self._sheet = sheet
        self._tokens: list[re.Match[str]] = []
        self._at = 0
        self._depth = 0
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise Unknown(f"{text[at : at + 20]!r} is not read here")
            self._tokens.append(found)
            at = found.end()

    def whole(self) -> _Tree:
        made = self._sum()
        if self._at < len(self._tokens):
            raise Unknown(f"{self._tokens[self._at].group().strip()!r} is not expected")
        return made

    def _sum(self) -> _Tree:
        made = self._product()
        while sign := self._sign("+", "-"):
            made = _Signed(sign, (made, self._product()))
        return made

    def _product(self) -> _Tree:
        made = self._unary()
        while sign := self._sign("*", "/"):
            made = _Signed(sign, (made, self._unary()))
        return made

    def _unary(self) -> _Tree:
        if sign := self._sign("-", "+"):
            return _Signed(sign, (self._deeper(self._unary),))
        return self._atom()

    def _atom(self) -> _Tree:
        if self._sign("("):
            made = self._deeper(self._sum)
            self._close()
            return made
        if self._at >= len(self._tokens):
            raise Unknown("it ends too early")
        found = self._tokens[self._at]
        self._at += 1
        if found["number"]:
            return Decimal(found["number"])
        if found["column"]:
            return self._range(found)
        if found["name"] and self._sign("("):
            return self._call(found["name"])
        raise Unknown(f"{found.group().strip()!r} is not expected")

    def _call(self, name: str) -> _Called:
        if name not in _FUNCTIONS:
            raise Unknown(f"the function {name} is not known here")
        parts = [self._deeper(self._sum)]
        while self._sign(","):
            parts.append(self._deeper(self._sum))
        self._close()
        return _Called(name, tuple(parts))

    def _range(self, first: re.Match[str]) -> _Range:
        sheet = first["sheet"]
        sheet = sheet.strip("'").replace("''", "'") if sheet else self._sheet
        top, left = int(first["row"]), column_number(first["column"])
        if not self._sign(":"):
            return _Range(sheet, top, left, top, left)
        last = self._tokens[self._at] if self._at < len(self._tokens) else None
        if last is None or not last["column"]:
            raise Unknown("a range ends in a cell")
        self._at += 1
        bottom, right = int(last["row"]), column_number(last["column"])
        return _Range(sheet, min(top, bottom), min(left, right), max(top, bottom), max(left, right))

    def _deeper(self, part: Callable[[], _Tree]) -> _Tree:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unknown(f"more than {DEEPEST} brackets inside each other")
        made = part()
        self._depth -= 1
        return made

    def _sign(self, *signs: str) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at]["sign"] in signs:
            self._at += 1
            return self._tokens[self._at - 1]["sign"]
        return ""

    def _close(self) -> None:
        if not self._sign(")"):
            raise Unknown("a bracket is not closed")


# ---------------------------------------------------------------- computing


def _figure(tree: _Tree, shown: _Shown, sums: dict[tuple[str, _Range], Decimal | None]) -> Decimal | None:
    """What it comes to; None is an error such as a division by zero."""
    match tree:
        case Decimal():
            return tree
        case _Range():
            return _single(tree, shown)
        case _Signed(sign, parts):
            found = [_figure(part, shown, sums) for part in parts]
            return _signed(sign, [each for each in found if each is not None], len(found))
        case _Called("ROUND", (part, places)):
            value, digits = _figure(part, shown, sums), _figure(places, shown, sums)
            if value is None or digits is None:
                return None
            unit = Decimal(1).scaleb(-int(digits))
            return value if value.adjusted() > 30 else value.quantize(unit, decimal.ROUND_HALF_UP, _EXACT)
        case _Called("ABS", (part,)):
            value = _figure(part, shown, sums)
            return None if value is None else value.copy_abs()
        case _Called(name, (_Range() as block,)):
            if (name, block) not in sums:  # the same fold stands in every row of a column
                sums[name, block] = _FUNCTIONS[name](list(_values(block, shown)))
            return sums[name, block]
        case _Called(name, parts):
            values: list[object] = []
            for part in parts:
                values += list(_values(part, shown)) if isinstance(part, _Range) else [_figure(part, shown, sums)]
            return _FUNCTIONS[name](values)


def _single(block: _Range, shown: _Shown) -> Decimal | None:
    values = list(_values(block, shown))
    if len(values) != 1:
        raise Unknown("a block of cells stands where one belongs")
    value = values[0]
    return Decimal(0) if value is None else _plain(value)


def _values(block: _Range, shown: _Shown) -> Iterator[object]:
    """The block's cells, the empty ones as None; of a long column only its filled ones."""
    if block.right - block.left > WIDEST or all(sheet != block.sheet for sheet, _ in shown):
        raise Unknown(f"there is no sheet {block.sheet!r}, or the block is too wide")
    for column in range(block.left, block.right + 1):
        held = shown.get((block.sheet, column), {})
        if block.bottom - block.top > len(held):
            yield from (value for row, value in held.items() if block.top <= row <= block.bottom)
        else:
            yield from (held.get(row) for row in range(block.top, block.bottom + 1))


def _plain(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    return Decimal(repr(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _signed(sign: str, values: Sequence[Decimal], count: int) -> Decimal | None:
    if len(values) < count:
        return None
    if count == 1:
        return values[0].copy_negate() if sign == "-" else values[0]
    one, other = values
    match sign:
        case "+":
            return _EXACT.add(one, other)
        case "-":
            return _EXACT.subtract(one, other)
        case "*":
            return _EXACT.multiply(one, other)
        case _:
            return _EXACT.divide(one, other) if other else None


def _numbers(values: Sequence[object]) -> list[Decimal]:
    return [found for value in values if (found := _plain(value)) is not None]


def _sum(values: Sequence[object]) -> Decimal:
    total = Decimal(0)
    for number in _numbers(values):
        total = _EXACT.add(total, number)
    return total


def _average(values: Sequence[object]) -> Decimal | None:
    count = len(_numbers(values))
    return _EXACT.divide(_sum(values), Decimal(count)) if count else None


def _median(values: Sequence[object]) -> Decimal | None:
    numbers = sorted(_numbers(values))
    if not numbers:
        return None
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else _EXACT.divide(_EXACT.add(*numbers[middle - 1 : middle + 1]), 2)


def _refused(values: Sequence[object]) -> Decimal | None:
    raise Unknown("a function was given other arguments than it takes")


_FUNCTIONS: Mapping[str, Callable[[Sequence[object]], Decimal | None]] = {
    "SUM": _sum,
    "AVERAGE": _average,
    "MEDIAN": _median,
    "MIN": lambda values: min(_numbers(values), default=Decimal(0)),
    "MAX": lambda values: max(_numbers(values), default=Decimal(0)),
    "COUNT": lambda values: Decimal(len(_numbers(values))),
    "COUNTA": lambda values: Decimal(sum(1 for value in values if value is not None)),
    "ROUND": _refused,
    "ABS": _refused,
}
