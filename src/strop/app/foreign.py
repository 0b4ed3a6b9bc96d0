"""Gating files that strop did not make: reads them and their sources, and holds the ones against the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from strop.checking.contracts import contract, same_tables
from strop.checking.foreign import Given, Looked, looked, oldest_day
from strop.checking.foreign_checks import checked
from strop.checking.foreign_tables import Material
from strop.checking.opened import Opened, Sheet, open_file, readable
from strop.errors import BadInput
from strop.types.trial import Finding, Severity, Value
from strop.types.work import TABLES, Column, Kind, Output, Spec, kind_of

MOST_BYTES = 50_000_000
"""A file larger than this is not read."""
MOST_SOURCES = 5_000
_LINKED = (Kind.MARKDOWN, Kind.HTML)
_MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_HTML_LINK = re.compile(r"""(?:href|src)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_HTML_ANCHOR = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of files that strop did not make."""

    files: tuple[str, ...]
    sources: tuple[str, ...]
    values: tuple[Value, ...]
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    """(path, text) of the sources."""

    @property
    def passed(self) -> bool:
        """Nothing can be taken out of a file that is not ours: every flaw counts."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)


def examine_files(
    paths: Sequence[Path], *, spec: Spec | None, sources: Path | None, max_age: int | None = None
) -> Examined:
    """Hold files to a spec's contracts and to their sources. Nothing is sent and nothing is written.

    Raises:
        BadInput: a file or the folder is not there, or there is nothing to hold the files against.
        MissingPart: the reader for a kind of file is not installed.
    """
    if spec is None and sources is None:
        raise BadInput("name what to hold the files against: --spec SPEC, --sources FOLDER, or both")
    files = _files(paths)
    material, unread = _material(sources) if sources is not None else ((), ())
    findings: list[Finding] = list(_contracts(files, spec))
    given, skipped = _given(files, spec)
    findings += _twins(files)
    today = datetime.now().astimezone().date()
    oldest = None if max_age is None else oldest_day(today, days=max_age)
    broken, unheld = checked(given, spec, today=today) if spec is not None else ((), ())
    seen = looked(given, material, oldest=oldest) if sources is not None else _without_sources(given, oldest)
    return Examined(
        files=tuple(name for name, _ in files),
        sources=tuple(each.path for each in material),
        values=seen.values,
        findings=(*findings, *broken, *seen.findings),
        unchecked=(*skipped, *unread, *unheld, *seen.unchecked),
        texts=tuple((each.path, each.text) for each in material),
    )


def _files(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """(name, path) of every file, folders walked through."""
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
            found += [(each.relative_to(path).as_posix(), each) for each in inside]
        elif path.is_file():
            found.append((path.name, path))
        else:
            raise BadInput(f"{path} is not there")
    if not found:
        raise BadInput("there is no file in what was named")
    return found


def _kind(name: str) -> Kind | None:
    try:
        return kind_of(name)
    except ValueError:
        return None


def _contracts(files: Sequence[tuple[str, Path]], spec: Spec | None) -> list[Finding]:
    """What the spec ordered, and what holds for any file: it opens, is not empty and holds no placeholder."""
    findings: list[Finding] = []
    ordered: set[str] = set()
    for output in spec.outputs if spec is not None else ():
        fitting = [(name, path) for name, path in files if _is(name, output.file)]
        ordered |= {name for name, _ in fitting}
        if "*" in output.file and output.count is not None and not output.count.holds(len(fitting)):
            rule = f"{output.file}: {output.count} files"
            findings.append(
                Finding("contract", output.file, "files", str(output.count), f"{len(fitting)}", rule, Severity.FATAL)
            )
        elif not fitting:
            rule = f"{output.file} is delivered"
            findings.append(Finding("contract", output.file, "", "a file", "none", rule, Severity.FATAL))
        for name, path in fitting:
            findings += contract(_of_one(output, name), path) if readable(output.kind) else ()
    for name, path in files:
        kind = _kind(name)
        if name not in ordered and kind is not None and readable(kind):
            findings += contract(Output(name, kind), path)
    return findings


def _is(name: str, wanted: str) -> bool:
    """Whether a file is what an entry of `deliver:` means: by its whole name, else by its last part."""
    return fnmatchcase(name, wanted) or fnmatchcase(name.rsplit("/", 1)[-1], wanted.rsplit("/", 1)[-1])


def _of_one(output: Output, name: str) -> Output:
    return Output(name, output.kind, output.columns, output.rows, output.pages, output.sections)


def _given(files: Sequence[tuple[str, Path]], spec: Spec | None) -> tuple[list[Given], list[str]]:
    """The files as readers see them, and what could not be looked into."""
    given: list[Given] = []
    skipped: list[str] = []
    for name, path in files:
        kind = _kind(name)
        if kind is None or not readable(kind):
            skipped.append(f"{name}: files of this kind are not read here, nothing in it was checked.")
            continue
        opened = open_file(path, kind=kind)
        if isinstance(opened, str):
            continue  # its contract says so
        body = path.read_text("utf-8", errors="replace") if kind in _LINKED else ""
        given.append(
            Given(
                name,
                opened,
                table=kind in TABLES,
                links=tuple(_links(body, kind)),
                anchors=frozenset(_anchors(opened, body)),
                beside=_beside(path, _links(body, kind)),
                columns=_columns(spec, name),
            )
        )
        if kind in (Kind.PNG, Kind.SVG):
            skipped.append(f"{name}: a picture; what it shows was not read.")
        elif kind not in _LINKED and kind not in TABLES:
            skipped.append(f"{name}: links of {kind.value.upper()} files were not followed.")
    return given, skipped


def _columns(spec: Spec | None, name: str) -> tuple[Column, ...]:
    return next((output.columns for output in (spec.outputs if spec else ()) if _is(name, output.file)), ())


def _links(body: str, kind: Kind) -> list[str]:
    if kind is Kind.MARKDOWN:
        return _MARKDOWN_LINK.findall(body)
    return _HTML_LINK.findall(body) if kind is Kind.HTML else []


def _anchors(opened: Opened, body: str) -> set[str]:
    """Places that a link inside may mean: ids, and headings as the common renderers slug them."""
    slugs = {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in opened.headings}
    return slugs | {found.lower() for found in _HTML_ANCHOR.findall(body)}


def _beside(path: Path, links: Sequence[str]) -> frozenset[str]:
    targets = {target.partition("#")[0] for target in links if not re.match(r"[a-z][a-z0-9+.-]*:|//", target)}
    return frozenset(target for target in targets if target and (path.parent / target).exists())


def _twins(files: Sequence[tuple[str, Path]]) -> list[Finding]:
    """Tables with the same name but for the ending tell the same."""
    tables = [(name, path, kind) for name, path in files if (kind := _kind(name)) in TABLES and kind is not None]
    findings: list[Finding] = []
    for (_, one, first), (_, other, second) in combinations(tables, 2):
        if one.stem == other.stem and first is not second and readable(first) and readable(second):
            findings += same_tables(one, other, kinds=(first, second))
    return findings


def _material(folder: Path) -> tuple[tuple[Material, ...], tuple[str, ...]]:
    """Every source that can be read, and which could not."""
    if not folder.exists():
        raise BadInput(f"--sources {folder} is not there")
    paths = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    read: list[Material] = []
    unread: list[str] = []
    for path in paths[:MOST_SOURCES]:
        name = path.name if folder.is_file() else path.relative_to(folder).as_posix()
        if path.name.startswith("."):
            continue
        found = _source(name, path)
        if found is None:
            unread.append(name)
        else:
            read.append(found)
    if not read:
        raise BadInput(f"--sources {folder} holds nothing that can be read")
    lines = [f"{len(unread)} sources could not be read: {', '.join(unread[:5])}."] if unread else []
    if len(paths) > MOST_SOURCES:
        lines.append(f"{len(paths) - MOST_SOURCES:,} sources after the first {MOST_SOURCES:,} were not read.")
    return tuple(read), tuple(lines)


def _source(name: str, path: Path) -> Material | None:
    if path.stat().st_size > MOST_BYTES:
        return None
    kind = _kind(name)
    if kind is not None and readable(kind) and kind not in (Kind.PNG, Kind.SVG):
        opened = open_file(path, kind=kind)
        if not isinstance(opened, str):
            return Material(name, opened.text, opened.sheets)
    try:
        return Material(name, path.read_text("utf-8"), ())
    except (UnicodeDecodeError, OSError):
        return None


def _without_sources(given: Sequence[Given], oldest: date | None) -> Looked:
    """What the files say of themselves; no value is looked for elsewhere."""
    own = [Material(each.name, each.opened.text, _sheets(each)) for each in given]
    seen = looked(given, own, oldest=oldest)
    findings = tuple(finding for finding in seen.findings if finding.kind != "source")
    said = "No source was named: whether the values are right was not checked; say --sources FOLDER."
    return Looked((), findings, (said, *seen.unchecked))


def _sheets(given: Given) -> tuple[Sheet, ...]:
    return given.opened.sheets
