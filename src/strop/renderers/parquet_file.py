"""Parquet, written here: flat tables of optional columns, one plain gzip page a column and row group.

Written by us and read back by DuckDB, so that the gate's reader shares no code with the writer. The
libraries that write it are large (pyarrow 165 MB, DuckDB 65 MB installed), name themselves in the
file, and change their bytes from version to version; the part of the format that a flat table needs
is this page. Rows stream: at most `GROUP` of them are held.

    integer  int64              number   double             boolean  boolean
    decimal  decimal(p, s)      date     date (int32 days)  text     string

Format: https://parquet.apache.org/docs/file-format/ (metadata in the Thrift compact protocol).
A decimal column is as precise as its values need, so its values are looked at once beforehand.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from strop.errors import BadInput
from strop.renderers.cells import checked_rows, clean, cut, said
from strop.renderers.streamed import distinct_names, only_table, written
from strop.types.content import Part, Scalar, Table
from strop.types.work import ColumnType, Kind

if TYPE_CHECKING:
    from strop.seams import Renderer

GROUP = 20_000
"""Rows held at once, and of one row group."""
_MAGIC = b"PAR1"
_BOOLEAN, _INT32, _INT64, _DOUBLE, _BYTES, _FIXED = 0, 1, 2, 5, 6, 7
_OPTIONAL, _PLAIN, _RLE, _GZIP = 1, 0, 3, 2
_LONG, _LONGEST = 18, 38
"""Digits of a decimal in eight bytes, and in sixteen."""
_EPOCH = date.fromisoformat("1970-01-01").toordinal()
_DIGITS = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?")


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """One table as typed columns."""

    @property
    def kind(self) -> Kind:
        return Kind.PARQUET

    def render(self, part: Part, *, to: Path) -> None:
        """Write the part's one table.

        Raises:
            BadInput: the part is not exactly one table, two columns of one name, or a value that is not
                of its column's type; the message names the row.
        """
        table = only_table(part, form="Parquet")
        names = distinct_names(table, file=part.file)
        forms = [_form(name, head.type) for name, head in zip(names, table.heads, strict=True)]
        if any(form.kind is ColumnType.DECIMAL for form in forms):
            _measure(table, forms, part.file)
        with written(to) as file:
            _write(file, forms, checked_rows_of(table, part.file), part.file)


def checked_rows_of(table: Table, file: str) -> Iterator[list[Scalar]]:
    """Values row by row."""
    return ([cell.value for cell in row] for row in checked_rows(table, file))


# ---------------------------------------------------------------- columns


@dataclass(slots=True)
class _Form:
    """How one column is stored."""

    name: str
    kind: ColumnType
    type: int
    scale: int = 0
    digits: int = 1
    """Before the point; both only of decimals."""

    @property
    def precision(self) -> int:
        return max(1, self.digits + self.scale)


def _form(name: str, kind: ColumnType) -> _Form:
    types = {
        ColumnType.INTEGER: _INT64,
        ColumnType.NUMBER: _DOUBLE,
        ColumnType.DECIMAL: _INT64,
        ColumnType.DATE: _INT32,
        ColumnType.BOOLEAN: _BOOLEAN,
    }
    return _Form(name, kind, types.get(kind, _BYTES))


def _measure(table: Table, forms: Sequence[_Form], file: str) -> None:
    """Find how many digits each decimal column needs."""
    wanted = [(index, form) for index, form in enumerate(forms) if form.kind is ColumnType.DECIMAL]
    for number, row in enumerate(checked_rows(table, file), start=1):
        for index, form in wanted:
            value = row[index].value
            if value is not None:
                _, whole, rest = _parted(value, form, number, file)
                form.scale = max(form.scale, len(rest))
                form.digits = max(form.digits, len(whole.lstrip("0")))
    for _, form in wanted:
        if form.precision > _LONGEST:
            long = f"needs {form.precision} digits, a Parquet decimal has {_LONGEST}"
            raise BadInput(f"{file}: column {form.name!r} {long}. Make the column text")
        form.type = _INT64 if form.precision <= _LONG else _FIXED


def _parted(value: Scalar, form: _Form, number: int, file: str) -> tuple[str, str, str]:
    """Sign, digits before the point and behind it."""
    found = None if isinstance(value, bool) else _DIGITS.fullmatch(said(value))
    if found is None:
        raise _unlike(value, form, number, file)
    return found[1], found[2], found[3] or ""


def _unlike(value: Scalar, form: _Form, number: int, file: str) -> BadInput:
    what = f"row {number}, column {form.name!r}: {cut(said(value), 60)!r} is no {form.kind.value}"
    return BadInput(f"{file}: {what} that a Parquet holds. Make the column text")


def _plain(form: _Form, values: Sequence[Scalar], first: int, file: str) -> bytes:
    """The column's values that are there, one behind the other."""
    numbers = (first + at for at, value in enumerate(values) if value is not None)
    held = (value for value in values if value is not None)
    packed = [_PACKED[form.kind](value, form, number, file) for number, value in zip(numbers, held, strict=True)]
    if form.type == _BOOLEAN:
        bits = int("".join("1" if bit == b"\1" else "0" for bit in reversed(packed)) or "0", 2)
        return bits.to_bytes((len(packed) + 7) // 8, "little")
    return b"".join(packed)


def _packed_integer(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    whole = int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value) else value
    if not isinstance(whole, int) or isinstance(whole, bool) or not -(2**63) <= whole < 2**63:
        raise _unlike(value, form, number, file)
    return whole.to_bytes(8, "little", signed=True)


def _packed_number(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    try:
        return struct.pack("<d", float(value if not isinstance(value, bool) and value is not None else "no"))
    except (ValueError, OverflowError) as caught:
        raise _unlike(value, form, number, file) from caught


def _packed_decimal(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    sign, whole, rest = _parted(value, form, number, file)
    scaled = int(f"{sign}{whole}{rest.ljust(form.scale, '0')}")
    size, order = (8, "little") if form.type == _INT64 else (16, "big")
    return scaled.to_bytes(size, "little" if order == "little" else "big", signed=True)


def _packed_date(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    try:
        days = date.fromisoformat(value if isinstance(value, str) else "").toordinal() - _EPOCH
    except ValueError as caught:
        raise _unlike(value, form, number, file) from caught
    return days.to_bytes(4, "little", signed=True)


def _packed_truth(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    known = {"true": b"\1", "false": b"\0"}.get(said(value).lower())
    if known is None:
        raise _unlike(value, form, number, file)
    return known


def _packed_text(value: Scalar, form: _Form, number: int, file: str) -> bytes:
    body = (clean(value) if isinstance(value, str) else said(value)).encode()
    return len(body).to_bytes(4, "little") + body


_PACKED: Mapping[ColumnType, Callable[[Scalar, _Form, int, str], bytes]] = {
    ColumnType.INTEGER: _packed_integer,
    ColumnType.NUMBER: _packed_number,
    ColumnType.DECIMAL: _packed_decimal,
    ColumnType.DATE: _packed_date,
    ColumnType.BOOLEAN: _packed_truth,
    ColumnType.TEXT: _packed_text,
    ColumnType.QUOTE: _packed_text,
}


# ---------------------------------------------------------------- the file

_Thrift: TypeAlias = "bytes | tuple[int, int] | _Struct | _List"
_I32, _I64, _BINARY, _LISTED, _STRUCT = 5, 6, 8, 9, 12


@dataclass(frozen=True, slots=True)
class _Struct:
    """Fields by number, ascending: `(type, value)` for whole numbers."""

    fields: tuple[tuple[int, _Thrift], ...]


@dataclass(frozen=True, slots=True)
class _List:
    of: int
    items: tuple[_Thrift, ...]


def _write(file: BinaryIO, forms: Sequence[_Form], rows: Iterator[list[Scalar]], name: str) -> None:
    file.write(_MAGIC)
    at, total = len(_MAGIC), 0
    groups: list[_Struct] = []
    while group := list(islice(rows, GROUP)):
        chunks: list[_Struct] = []
        size = 0
        for form, values in zip(forms, zip(*group, strict=True), strict=True):
            page, plain = _page(form, values, total + 1, name)
            file.write(page)
            chunks.append(_chunk(form, at=at, count=len(values), plain=plain, packed=len(page)))
            at += len(page)
            size += plain
        groups.append(_struct({1: _List(_STRUCT, tuple(chunks)), 2: (_I64, size), 3: (_I64, len(group))}))
        total += len(group)
    root = _struct({4: b"schema", 5: (_I32, len(forms))})
    footer = _encoded(
        _struct(
            {
                1: (_I32, 1),
                2: _List(_STRUCT, (root, *map(_element, forms))),
                3: (_I64, total),
                4: _List(_STRUCT, tuple(groups)),
                6: b"strop",
            }
        )
    )
    file.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)


def _page(form: _Form, values: Sequence[Scalar], first: int, name: str) -> tuple[bytes, int]:
    """A data page with its header, and its size before it was packed."""
    levels = b"".join(
        _varint(sum(1 for _ in run) << 1) + (b"\1" if there else b"\0")
        for there, run in groupby(value is not None for value in values)
    )
    body = len(levels).to_bytes(4, "little") + levels + _plain(form, values, first, name)
    packed = _gzip(body)
    about = _struct({1: (_I32, len(values)), 2: (_I32, _PLAIN), 3: (_I32, _RLE), 4: (_I32, _RLE)})
    header = _encoded(_struct({1: (_I32, 0), 2: (_I32, len(body)), 3: (_I32, len(packed)), 5: about}))
    return header + packed, len(header) + len(body)


def _chunk(form: _Form, *, at: int, count: int, plain: int, packed: int) -> _Struct:
    about = _struct(
        {
            1: (_I32, form.type),
            2: _List(_I32, ((_I32, _PLAIN), (_I32, _RLE))),
            3: _List(_BINARY, (form.name.encode(),)),
            4: (_I32, _GZIP),
            5: (_I64, count),
            6: (_I64, plain),
            7: (_I64, packed),
            9: (_I64, at),
        }
    )
    return _struct({2: (_I64, at), 3: about})


def _element(form: _Form) -> _Struct:
    """A column of the schema, with its meaning in the old and the new way."""
    fields: dict[int, _Thrift] = {1: (_I32, form.type)}
    if form.type == _FIXED:
        fields[2] = (_I32, 16)
    fields |= {3: (_I32, _OPTIONAL), 4: form.name.encode()}
    none = _struct({})
    match form.kind:
        case ColumnType.DECIMAL:
            about = _struct({1: (_I32, form.scale), 2: (_I32, form.precision)})
            fields |= {6: (_I32, 5), 7: (_I32, form.scale), 8: (_I32, form.precision), 10: _struct({5: about})}
        case ColumnType.DATE:
            fields |= {6: (_I32, 6), 10: _struct({6: none})}
        case ColumnType.TEXT | ColumnType.QUOTE:
            fields |= {6: (_I32, 0), 10: _struct({1: none})}
        case _:
            pass
    return _struct(fields)


def _struct(fields: Mapping[int, _Thrift]) -> _Struct:
    return _Struct(tuple(fields.items()))


def _encoded(value: _Thrift) -> bytes:
    """A value in the Thrift compact protocol, without the header of its field."""
    match value:
        case bytes():
            return _varint(len(value)) + value
        case (_, number):
            return _varint(number << 1 if number >= 0 else -number * 2 - 1)
        case _List(of, items):
            size = len(items)
            head = bytes([size << 4 | of]) if size < 15 else bytes([0xF0 | of]) + _varint(size)
            return head + b"".join(map(_encoded, items))
        case _Struct(fields):
            parts: list[bytes] = []
            last = 0
            for number, field in fields:
                parts.append(bytes([(number - last) << 4 | _type(field)]) + _encoded(field))
                last = number
            return b"".join(parts) + b"\0"


def _type(value: _Thrift) -> int:
    match value:
        case bytes():
            return _BINARY
        case (kind, _):
            return kind
        case _List():
            return _LISTED
        case _Struct():
            return _STRUCT


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _gzip(body: bytes) -> bytes:
    """A gzip member without time, name or system in its header."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(body) + packer.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed + struct.pack("<II", zlib.crc32(body), len(body) & 0xFFFFFFFF)


if TYPE_CHECKING:

    def _fits(one: ParquetFile) -> Renderer:
        return one
