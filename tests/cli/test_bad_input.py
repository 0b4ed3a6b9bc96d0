"""Bad input at the rim: one message that says what, the limit and the next move; the right exit code; no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strop.cli.guard import guarded
from strop.errors import AuthRefused

from .conftest import SCRIPTED, Strop, only_run

DELIVER = "deliver: [{file: a.csv, columns: {name: text}}]\n"
TABLE = "deliver: [{file: a.csv, columns: {n: {type: integer, %s}}}]\neach: inputs/*.txt\ncompanion: data/{stem}.csv\n"


def front(text: str) -> bytes:
    return f"---\n{text}\n---\n# T\n".encode()


SPECS = {
    "empty": (b"", "the spec is empty"),
    "blank": (b" \n\n", "the spec is empty"),
    "a wish": (b"Compare all libraries.", "line 1: this is a wish, not a spec"),
    "not UTF-8": (b"---\ndeliver: \xff\n---\n", "line 2: not UTF-8 at byte 13. Save the file as UTF-8"),
    "binary": (b"---\n\0\n---\n", "the spec is binary"),
    "tabs": (front("deliver:\n\t- {file: a.csv}"), "line 3: a tab in the indentation. Indent with spaces"),
    "2 MiB": (b"x" * 2 * 1024 * 1024, "2,097,152 bytes, at most 1,048,576"),
    "never closed": (b"---\ndeliver: []\n", "the front matter is never closed"),
    "no YAML": (front("deliver: [}"), "line 2: not valid YAML"),
    "a list": (front("- 1"), "line 2: the front matter must be keys and values"),
    "unknown key": (front(DELIVER + "budgets: {usd: 1}"), "line 3: unknown key 'budgets' in the spec. Did you mean"),
    "duplicate key": (front(DELIVER + "readers: 1\nreaders: 2"), "line 4: 'readers' stands twice"),
    "alias": (front("deliver: &a [{file: a.csv, columns: {n: text}}]\nvalid: *a"), "anchors and aliases are not read"),
    "tag": (front(DELIVER + "valid: !!python/name:os.system x"), "line 3: YAML tags are not read"),
    # Well under 1 MiB, and hours for YAML's own parser.
    "brackets": (front("deliver: " + "[" * 500_000), "line 2: nested deeper than 8. Flatten it"),
    "nothing ordered": (front("deliver: []"), "line 2: deliver: is empty"),
    "no deliver": (front("readers: 2"), "deliver: is empty; a spec leads with the files it wants"),
    "leaves the folder": (front("deliver: [{file: ../a.csv, columns: {n: text}}]"), "leaves the folder"),
    "absolute": (front("deliver: [{file: /etc/a.csv, columns: {n: text}}]"), "leaves the folder"),
    "reserved name": (front("deliver: [{file: con.csv, columns: {n: text}}]"), "some systems reserve"),
    "appears twice": (
        front("deliver: [{file: a.csv, columns: {n: text}}, {file: A.csv, columns: {n: text}}]"),
        "A.csv appears twice",
    ),
    "a count it cannot keep": (
        front("deliver: [{file: page.html, rows: 3}]"),
        "line 2: page.html: a file of kind html has no rows",
    ),
    "unknown kind": (front("deliver: [{file: a.exe}]"), "files of kind 'exe' are not made here. Use one of csv, jsonl"),
    "no columns": (front("deliver: [{file: a.csv}]"), "a.csv has no columns"),
    "unknown type": (front("deliver: [{file: a.csv, columns: {n: string}}]"), "unknown column type 'string'"),
    "NaN dollars": (front(DELIVER + "budget: {usd: .nan}"), "line 3: usd: '.nan' is no amount from 0 to 1,000,000"),
    "negative dollars": (front(DELIVER + "budget: {usd: -1}"), "usd: -1 is no amount"),
    "absurd steps": (front(DELIVER + "budget: {steps: 1e99}"), "steps: '1e99' is no whole number from 1 to 1,000,000"),
    "endless minutes": (front(DELIVER + "budget: {minutes: .inf}"), "minutes: '.inf' is no time from 0 to 10,080"),
    "no agents": (front(DELIVER + "budget: {agents: 0}"), "agents: 0 is no whole number from 1 to 10,000"),
    "many readers": (front(DELIVER + "readers: 9"), "readers: 9 is no whole number from 1 to 3"),
    "no question": (front(TABLE % "recompute: rwos"), "line 2: 'rwos' is no question to a table. Allowed:"),
    "half a question": (front(TABLE % 'compute: "sum"'), "line 2: 'sum': sum takes a column"),
    "matches nothing": (front(DELIVER + "each: none/*.txt"), "each: none/*.txt matches no file"),
    "each leaves": (front(DELIVER + "each: ../*.txt"), "line 3: each: ../*.txt leaves the project folder"),
    "prose, no planner": (front(DELIVER), "no planner model is configured"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_that_cannot_be_used_is_refused_with_line_and_fix(name: str, strop: Strop, project: Path) -> None:
    """Exit 2, one message, nothing on stdout, and no run is left behind."""
    body, message = SPECS[name]
    (project / "spec.md").write_bytes(body)
    for command in (["plan", "spec.md", *SCRIPTED[:2]], ["run", "spec.md", *SCRIPTED]):
        told = strop(*command)
        assert told.code == 2
        assert message in told.err
        assert told.out == ""
        assert not list(project.glob("runs/*"))


COMMANDS = {
    "no such file": (["plan", "nope.md"], "nope.md is not there. Make a spec with: strop init"),
    "a folder as spec": (["run", "."], ". is a folder. Make a spec with"),
    "a folder to specify": (["specify", "inputs"], "inputs is a folder. Name a spec file"),
    "a mistyped file": (["specify", "spce.md"], "'spce.md' is no file here, and too short for a wish"),
    "an existing draft": (["specify", "two words", "--out", "spec.md"], "spec.md is there already"),
    "unknown template": (["init", "new", "--template", "x"], "no template 'x'; there are pipeline, reading"),
    "a full folder": (["init", "."], ". is not empty; name a new folder"),
    "a file as folder": (["init", "spec.md"], "spec.md is a file; name a new folder"),
    "unknown model": (["run", "spec.md", "--worker", "gpt-17", "--yes"], "unknown model 'gpt-17'. Use one of"),
    "a half locator": (["plan", "spec.md", "--worker", "openai:http://x"], "is no locator; write openai:http"),
    "no weights": (["run", "spec.md", "--yes"], "install the weights with: strop model install"),
    "no such weights": (["plan", "spec.md", "--worker", "embedded:no.gguf"], "no weights of the embedded model"),
    "no key": (["plan", "spec.md", "--worker", "kimi-k2.6"], "set KIMI_API_KEY or MOONSHOT_API_KEY"),
    "no transcript": (["run", "spec.md", "--worker", "scripted:no.toml"], "no.toml cannot be read as a transcript"),
    "half a cap": (["plan", "spec.md", "--budget", "usd"], "write a cap as key=value"),
    "unknown cap": (
        ["plan", "spec.md", *SCRIPTED[:2], "--budget", "usdd=3"],
        "strop: --budget: unknown key 'usdd' in budget. Did",
    ),
    "no amount": (["plan", "spec.md", *SCRIPTED[:2], "--budget", "usd=x"], "strop: --budget: usd: 'x' is no amount"),
    "no run": (["show", "zzz"], "no run matches 'zzz'. Runs here: none under"),
    "nothing to resume": (["run", "--resume", "zzz"], "no run matches 'zzz'"),
    "no spec at all": (["run"], "name a spec: strop run spec.md"),
    "no skill": (["skills", "show", "x"], "no skill 'x'"),
    "nothing to replay": (["replay", "x", "--inputs", "inputs"], "no skill 'x'"),
    "unknown command": (["frobnicate"], "No such command 'frobnicate'. See: strop --help"),
    "unknown option": (["plan", "spec.md", "--frob"], "No such option: --frob. See: strop plan --help"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_be_carried_out_says_why_and_what_next(name: str, strop: Strop, project: Path) -> None:
    """Exit 2 and one line on stderr; nothing is begun."""
    arguments, message = COMMANDS[name]
    told = strop(*arguments)
    assert told.code == 2
    assert message in told.err
    assert told.err.count("strop: ") == 1
    assert "Traceback" not in told.err
    assert not list(project.glob("runs/*"))


CONFIGS = {
    "no TOML": ("a = [", "strop.toml is no TOML"),
    "unknown key": ("weight = 'x'", "strop.toml: unknown key 'weight'. Did you mean weights?"),
    "unknown role": ("[roles]\nworkr = 'embedded'", "roles has no 'workr'; there are worker, planner, verifier"),
    "no number": ("threads = 'many'", "threads = 'many': "),
    "half a model": ("[models.mine]\nwire = 'openai'", "strop.toml, model mine: window is missing. A model needs"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_broken_strop_toml_names_file_and_key(name: str, strop: Strop, project: Path) -> None:
    """Also for `doctor`, which must not guess."""
    text, message = CONFIGS[name]
    (project / "strop.toml").write_text(text)
    told = strop("doctor")
    assert told.code == 2
    assert message in told.err


def test_ten_thousand_units_over_the_budget_are_refused_with_the_figure(strop: Strop, project: Path) -> None:
    """What is needed, what is allowed, and three ways out."""
    for number in range(5_000):
        (project / "inputs" / f"{number}.txt").touch()
    told = strop("plan", "spec.md", *SCRIPTED[:2])
    assert told.code == 2
    assert "5,002 units x 2 readers need 10,004 steps; the budget has 4,000" in told.err


def spoil_empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\0\0")


def spoil_latin(path: Path) -> None:
    path.write_bytes("Café".encode("latin-1"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(spoil_empty, "holds no text"), (spoil_binary, "is binary"), (spoil_latin, "is not UTF-8")],
)
def test_an_input_that_cannot_be_read_is_listed_and_the_others_are_done(
    spoil: object, message: str, strop: Strop, project: Path
) -> None:
    """The two good documents land; the third stands in the report by name."""
    assert callable(spoil)
    spoil(project / "inputs" / "third.txt")
    told = strop("run", "spec.md", *SCRIPTED)
    assert message in " ".join(told.out.split())
    assert "third" in told.out
    table = (project / "runs" / only_run(project) / "files" / "places.csv").read_text()
    assert "The Old Harbour" in table
    assert "The City Library" in table


@pytest.mark.parametrize("kind", ["folder", "dangling link", "link out"])
def test_what_is_no_file_of_the_project_is_no_unit(kind: str, strop: Strop, project: Path) -> None:
    """A folder named like a document and links that lead nowhere or out are as if they were not there."""
    odd = project / "inputs" / "odd.txt"
    match kind:
        case "folder":
            odd.mkdir()
        case "dangling link":
            odd.symlink_to("/nowhere/at/all")
        case _:
            odd.symlink_to(os.devnull)
    told = strop("run", "spec.md", *SCRIPTED)
    assert told.code == 0
    assert "odd" not in told.out


@pytest.fixture
def closed_port() -> int:
    """A loopback port on which nobody listens."""
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_an_endpoint_that_is_down_is_told_once_for_all_agents(strop: Strop, project: Path, closed_port: int) -> None:
    """Nobody was answered: the run stops with its tasks open, says the cause once, and how to go on."""
    spec = project / "spec.md"
    spec.write_text(spec.read_text().replace("readers: 2", "readers: 2\nrepairs: 0"))
    (project / "inputs" / "library.txt").unlink()
    told = strop("run", "spec.md", "--worker", f"openai:http://127.0.0.1:{closed_port}/v1#m", "--yes")
    assert told.code == 3
    said = " ".join(told.out.split())
    assert f"Unreachable: 127.0.0.1:{closed_port} cannot be reached" in said
    assert "strop run --resume" in said


def test_a_fault_of_ours_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, exit 70, what stands, and how to report it; also out of a task group."""

    def broken() -> int:
        raise BaseExceptionGroup("tasks", [ZeroDivisionError("by zero")])

    assert guarded(broken) == 70
    said = capsys.readouterr().err
    assert said == (
        "strop: a fault of ours: ZeroDivisionError: by zero. What was committed stands. "
        "See where with STROP_DEBUG=1, and report it\n"
    )


def test_with_json_an_error_is_one_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, with the code; people read it on stderr."""
    import orjson

    def refused() -> int:
        raise AuthRefused("wrong key")

    assert guarded(refused, arguments=["run", "--json"]) == 2
    said = capsys.readouterr()
    body = orjson.loads(said.out)
    assert (body["error"]["kind"], body["error"]["exit_code"]) == ("AuthRefused", 2)
    assert "Mend the key in the environment" in said.err


def test_interrupted_and_system_errors_have_their_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """130 for Ctrl-C, 70 and how to go on for a full disk, 2 for a file that may not be read."""

    def fails(error: BaseException) -> int:
        def command() -> int:
            raise error

        return guarded(command)

    assert fails(KeyboardInterrupt()) == 130
    assert fails(OSError(28, "No space left on device", "runs/x")) == 70
    assert "go on with: strop run --resume" in capsys.readouterr().err
    assert fails(PermissionError(13, "Permission denied", "spec.md")) == 2
    assert "spec.md: Permission denied. Mend this, then try again" in capsys.readouterr().err
