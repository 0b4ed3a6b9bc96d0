"""Budgets that no run can have: each is refused with one message that names the value, the limit and the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from strop.app.orders import raised
from strop.checking.entries import OURS
from strop.errors import BadInput, SpecRefused
from strop.loop.deliver import CLAIMS
from strop.loop.specify import specify
from strop.types.work import Budget

from .conftest import SCRIPTED, Strop

FRONT = "---\ndeliver: [{file: a.csv, columns: {name: text}}]\neach: inputs/*.txt\nbudget:\n  %s: %s\n---\n# T\n"
WHOLE = "is no whole number from 1 to %s. Write for example %s: 100"
LIMITS = {
    "agents": WHOLE % ("10,000", "agents"),
    "agents_total": WHOLE % ("100,000", "agents_total"),
    "steps": WHOLE % ("1,000,000", "steps"),
    "critical_steps": WHOLE % ("100,000", "critical_steps"),
    "tokens": WHOLE % ("1,000,000,000,000", "tokens"),
    "input_tokens": WHOLE % ("1,000,000,000,000", "input_tokens"),
    "output_tokens": WHOLE % ("1,000,000,000,000", "output_tokens"),
    "usd": "is no amount from 0 to 1,000,000, in steps of a billionth. Write usd: 5",
    "minutes": "is no time from 0 to 10,080, 0 left out. Write minutes: 30",
}
NOWHERE = {
    "-1": "-1",
    "-0.5": "-0.5",
    "-.inf": "'-.inf'",
    ".inf": "'.inf'",
    ".nan": "'.nan'",
    "nan": "'nan'",
    "Infinity": "'Infinity'",
    "1e12": "'1e12'",
    "1.0e+99": "1e+99",
    "1e400": "'1e400'",
    "1e9999999999": "'1e9999999999'",
    "10**9": "'10**9'",
    "99999999999999999999": "99999999999999999999",
    "9" * 5_000: f"'{'9' * 39}...",
    "true": "True",
    "yes": "True",
    "null": "nothing",
    "~": "nothing",
    "many": "'many'",
    "5 usd": "'5 usd'",
    "$5": "'$5'",
    "5,000": "'5,000'",
    "1:30": "'1:30'",
    "0x10": "'0x10'",
    "_1": "'_1'",
    "-20M": "'-20M'",
    "99999999M": "'99999999M'",
    "0k": "'0k'",
    "[5]": "a list",
    "{a: 5}": "a mapping",
    "\u0663": "'\u0663'",
    "\u0663M": "'\u0663M'",
    "2026-01-01": "'2026-01-01'",
}
"""What is written, and how its refusal shows it: under every key alike."""
ONLY = {
    ("agents", "0"): "0",
    ("agents", "1000000000"): "1000000000",
    ("agents", "1.5"): "1.5",
    ("agents", "2.0"): "2.0",
    ("agents", '"5"'): "'5'",
    ("agents_total", "100001"): "100001",
    ("steps", "0"): "0",
    ("steps", "1.0005k"): "'1.0005k'",
    ("steps", "2M"): "'2M'",
    ("critical_steps", "0"): "0",
    ("tokens", "0.1"): "0.1",
    ("tokens", "1000001M"): "'1000001M'",
    ("input_tokens", "0"): "0",
    ("output_tokens", "0"): "0",
    ("output_tokens", "1.5"): "1.5",
    ("usd", "1000000.01"): "1000000.01",
    ("usd", "0.0000000001"): "1e-10",
    ("usd", "1e-30"): "'1e-30'",
    ("usd", "20M"): "'20M'",
    ("minutes", "0"): "0",
    ("minutes", "0.0"): "0.0",
    ("minutes", "10081"): "10081",
    ("minutes", '"5"'): "'5'",
}
"""Wrong under one key only."""
CASES = {(key, value): shown for key in LIMITS for value, shown in NOWHERE.items()} | ONLY


@pytest.mark.parametrize("key", LIMITS)
def test_a_budget_that_no_run_can_have_is_refused_in_the_spec(key: str) -> None:
    """With the line, the value as it was read, the limit and the fix; a long value is cut."""
    for (name, value), shown in CASES.items():
        if name == key:
            with pytest.raises(SpecRefused) as refused:
                specify((FRONT % (key, value)).encode())
            assert str(refused.value) == f"line 5: {key}: {shown} {LIMITS[key]}"


@pytest.mark.parametrize("key", LIMITS)
def test_a_budget_that_no_run_can_have_is_refused_as_an_option(key: str) -> None:
    """In the same words, and naming the option instead of a line."""
    for (name, value), shown in CASES.items():
        if name == key:
            with pytest.raises(BadInput) as refused:
                raised(Budget(), {key: value})
            assert str(refused.value) == f"--budget: {key}: {shown} {LIMITS[key]}"


COMMANDS = {
    "negative": ("usd", "-1"),
    "endless": ("minutes", ".inf"),
    "no number": ("steps", ".nan"),
    "absurd": ("agents", "1000000000"),
    "nothing": ("critical_steps", "0"),
    "text": ("tokens", "many"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_with_such_a_budget_begins_nothing(name: str, strop: Strop, project: Path) -> None:
    """Exit 2, one line on stderr, no run: neither from the spec nor from the option, planning or running."""
    key, value = COMMANDS[name]
    good = (project / "spec.md").read_text()
    for command in (["plan", "spec.md", *SCRIPTED[:2]], ["run", "spec.md", *SCRIPTED]):
        (project / "spec.md").write_text(good)
        optional = strop(*command, "--budget", f"{key}={value}")
        (project / "spec.md").write_text(FRONT % (key, value))
        written = strop(*command)
        for told, where in ((optional, "--budget: "), (written, "line 5: ")):
            assert told.code == 2
            assert told.err == f"strop: {where}{key}: {CASES[key, value]} {LIMITS[key]}\n"
            assert told.out == ""
    assert not list(project.glob("runs/*"))


@pytest.mark.parametrize("value", ["{a", "&a 5", "*a", "!!int 5", '"5', "- 5", "| 5", "5\t: 6", "%5", "@5"])
def test_an_option_that_is_no_plain_value_is_refused(value: str) -> None:
    """What YAML would make more of than a value; the message names no line of a file that nobody wrote."""
    with pytest.raises(BadInput, match=r"^--budget: ") as refused:
        raised(Budget(), {"usd": value})
    assert re.search(r"line \d", str(refused.value)) is None


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("usd", "0", 0), ("usd", "0.000000001", 1), ("usd", "1e3", 10**12), ("usd", "1_000_000", 10**15),
        ("usd", "0.1", 10**8), ("usd", '"5"', 5 * 10**9), ("agents", "1", 1), ("agents", "10000", 10_000),
        ("steps", "6k", 6_000), ("steps", "1.001k", 1_001), ("tokens", "1.5M", 1_500_000), ("tokens", "20M", 2 * 10**7),
        ("input_tokens", "10M", 10**7), ("output_tokens", "1000000M", 10**12), ("output_tokens", "1", 1),
        ("minutes", "0.5", 0.5), ("minutes", "10080", 10_080.0),
    ],
)  # fmt: skip
def test_budgets_at_their_limits_are_taken(key: str, value: str, read: float) -> None:
    """To the last nano-dollar, in the spec and as an option."""
    name = {"usd": "nanos"}.get(key, key)
    assert getattr(specify((FRONT % (key, value)).encode()).budget, name) == read
    assert getattr(raised(Budget(), {key: value}), name) == read


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("charts/*.png", "charts/a.png"), "charts/a.png and charts/*.png can both mean one file"),
        (("charts/a.png", "Charts/*.png"), "can both mean one file"),
        (("charts/*.png", "charts/a*.png"), "can both mean one file"),
        (("a.csv", "A.csv"), "A.csv appears twice"),
        (("a.csv", "Claims.csv"), "Claims.csv can mean claims.csv, which every run writes"),
        (("a.csv", "c*.csv"), "c*.csv can mean claims.csv, which every run writes"),
        (("a.csv", "mine/claims.csv"), ""),
        (("charts/*.png", "charts/sub/a.png"), ""),
        (("charts/*.png", "more/charts/a.png"), ""),
        (("charts/*.png", "charts/a.svg"), ""),
        (("a[1].csv", "a1.csv"), ""),
    ],
)
def test_no_two_entries_can_mean_one_file(files: tuple[str, str], message: str) -> None:
    """Two makers of one file would write over each other; a pattern covers one folder."""
    assert OURS == CLAIMS
    entries = "".join(f"\n  - {{file: {file!r}, count: 2, columns: {{n: text}}}}" for file in files)
    spec = f"---\ndeliver:{entries}\n---\n# T\n".encode()
    if not message:
        assert [output.file for output in specify(spec).outputs] == list(files)
        return
    with pytest.raises(SpecRefused) as refused:
        specify(spec)
    assert message in str(refused.value)
