"""The house holds: rooms, directions of imports, no cycle, and importing has no side effect.

The directions stand as contracts in pyproject.toml; here they are shown to hold and to bite.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import house

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
EXTRAS = ("typst", "xlsxwriter", "vl_convert", "openpyxl", "pypdfium2", "jinja2", "PIL", "xllamacpp")
SLOW_TO_IMPORT = ("genai_prices", "anthropic", "openai")


def rooms() -> set[str]:
    """Modules and packages directly under strop, by dotted name."""
    found = {f"strop.{path.parent.name}" for path in (SOURCE / "strop").glob("*/__init__.py")}
    return found | {f"strop.{path.stem}" for path in (SOURCE / "strop").glob("*.py") if path.stem[0] != "_"}


def test_there_is_no_import_cycle() -> None:
    """No module imports itself by a detour, neither inside a function nor for types only."""
    assert house.cycles(house.graph_of(house.read(SOURCE))) == []


@pytest.mark.parametrize(
    "inside",
    [
        "import pack.b",
        "def late():\n    from pack import b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.b import name",
        "from .b import name",
        "from . import b",
    ],
)
def test_a_cycle_is_found_wherever_it_hides(tmp_path: Path, inside: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At the top, in a function, under TYPE_CHECKING, relative: it is named, and `make house` fails."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "a.py").write_text(inside)
    (tmp_path / "pack" / "b.py").write_text("from pack.c import x")
    (tmp_path / "pack" / "c.py").write_text("import pack.a")
    assert house.main([str(tmp_path)]) == 1
    assert "pack.a <-> pack.b <-> pack.c" in capsys.readouterr().out


def test_a_package_and_its_modules_are_no_cycle(tmp_path: Path) -> None:
    """A package that names its modules, and they each other downwards, is sound."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from pack.a import x\nfrom pack.b import y")
    (tmp_path / "pack" / "a.py").write_text("from .b import y\nimport pack.b")
    (tmp_path / "pack" / "b.py").write_text("import sys")
    assert house.cycles(house.graph_of(house.read(tmp_path))) == []


def test_sizes_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The longest file and function come first, with their lines."""
    (tmp_path / "short.py").write_text("x = 1\n")
    (tmp_path / "long.py").write_text(
        "class C:\n    def grow(self):\n        a = 1\n        return a\n\n\ndef f(): ...\n"
    )
    assert house.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("longest files") + 1].split() == ["7", "long.py"]
    assert lines[lines.index("longest functions") + 1].split() == ["3", "long.grow:2"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on the project in `folder`."""
    script = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_import_contracts_hold() -> None:
    """Imports point down, variants do not know one another, only net/ opens sockets."""
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("errors.py", "import strop.seams", "layers"),
        ("models/breach.py", "import strop.stores", "layers"),
        ("utils.py", "", "layers"),
        ("swarm/breach.py", "def late():\n    import strop.models", "hands"),
        ("loop/breach.py", "", "loop"),
        ("swarm/schedule.py", "from time import monotonic", "pure"),
        ("models/breach.py", "import aiohttp", "sockets"),
        ("testing/breach.py", "import strop.net", "testing"),
    ],
)
def test_each_import_contract_bites(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """One line that breaks a contract is found, and the contract is named."""
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "src" / "strop" / file).open("a", encoding="utf-8") as breach:
        breach.write(f"\n{line}\n")
    checked = lint(tmp_path)
    assert checked.returncode == 1, checked.stdout + checked.stderr
    name = CONTRACTS[contract]["name"]
    assert f"{name} BROKEN" in " ".join(checked.stdout.split())


def test_no_room_is_forgotten_in_a_contract() -> None:
    """A new folder of variants is forbidden to the loop, and a new room may not open sockets."""
    layers = [[part.strip(" ()") for part in layer.split("|")] for layer in CONTRACTS["layers"]["layers"]]
    names = {f"strop.{part}" for layer in layers for part in layer}
    at = next(index for index, layer in enumerate(layers) if "models" in layer)
    variants = {f"strop.{part}" for part in layers[at]} & rooms()
    above = {f"strop.{part[0]}" for part in layers[layers.index(["loop"]) : at]} & rooms()
    assert rooms() <= names
    assert set(CONTRACTS["hands"]["forbidden_modules"]) == variants | {"strop.net"}
    assert set(CONTRACTS["hands"]["source_modules"]) == above
    assert set(CONTRACTS["sockets"]["source_modules"]) == rooms() - {"strop.net", "strop.testing"}


IMPORT_ALL = """
import os, sys
source, forbidden = sys.argv[1], sys.argv[2].split(",")
deeds = []

def ours():
    frame = sys._getframe(2)
    while frame and ("importlib" in frame.f_code.co_filename or frame.f_code.co_filename == "<string>"):
        frame = frame.f_back
    return bool(frame) and frame.f_code.co_filename.startswith(source)

class Environment(dict):
    def __getitem__(self, key):
        if ours(): deeds.append(f"reads ${key}")
        return super().__getitem__(key)
    def get(self, key, default=None):
        if ours(): deeds.append(f"reads ${key}")
        return super().get(key, default)
    def __contains__(self, key):
        if ours(): deeds.append(f"reads ${key}")
        return super().__contains__(key)

def watch(event, arguments):
    if event in ("os.mkdir", "os.rename", "os.remove", "subprocess.Popen", "socket.__new__", "sqlite3.connect"):
        deeds.append(f"{event} {arguments[:1]}")
    if event == "open" and (set(str(arguments[1] or "")) & set("wax+") or arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        deeds.append(f"writes {arguments[0]}")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ImportError(f"{name} is loaded at import, not where it is used")

import importlib
sys.meta_path.insert(0, Refuse())
os.environ = Environment(os.environ)
sys.addaudithook(watch)
for name in sys.argv[3].split(","):
    importlib.import_module(name)
print(*deeds, sep="\\n", end="")
"""


def import_in_child(folder: Path, modules: list[str], *, without: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Import the modules in a fresh interpreter that notes what they do; one deed a line."""
    return subprocess.run(
        [sys.executable, "-B", "-X", "utf8", "-c", IMPORT_ALL, str(folder), ",".join(without), ",".join(modules)],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_importing_has_no_side_effect() -> None:
    """Every module imports without the extras, and writes, reads from the environment and prints nothing."""
    modules = [name for name in house.read(SOURCE) if not name.endswith("__main__")]
    child = import_in_child(SOURCE, modules, without=EXTRAS + SLOW_TO_IMPORT)
    assert child.returncode == 0, child.stderr[-2000:]
    assert child.stdout + child.stderr == ""


@pytest.mark.parametrize(
    ("code", "deed"),
    [
        ("import os; os.mkdir('made')", "os.mkdir"),
        ("import os; os.environ.get('HOME')", "reads $HOME"),
        ("open('note', 'w').close()", "writes note"),
        ("print('hello')", "hello"),
        ("import openpyxl", "openpyxl is loaded at import"),
    ],
)
def test_a_side_effect_at_import_is_seen(tmp_path: Path, code: str, deed: str) -> None:
    """The check above would have found it."""
    (tmp_path / "guilty.py").write_text(code)
    child = import_in_child(tmp_path, ["guilty"], without=EXTRAS)
    assert deed in child.stdout + child.stderr


LEAKS = """
import asyncio, pytest, socket, subprocess, sys, tempfile
from hypothesis import given, strategies as st
kept = []

async def forever():
    await asyncio.get_running_loop().create_future()

def test_file(tmp_path):
    kept.append((tmp_path / "x").open("w"))

def test_socket():
    kept.append(socket.socket())

def test_child():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_temporary():
    tempfile.mkdtemp(prefix="strop-")

@pytest.mark.anyio
async def test_task():
    kept.append(asyncio.ensure_future(forever()))

@pytest.mark.anyio
@given(st.just(0))
async def test_task_of_a_property(number):
    kept.append(asyncio.ensure_future(forever()))

def test_warning():
    import warnings
    warnings.warn("old", DeprecationWarning)

@pytest.mark.anyio
async def test_clean(tmp_path, anyio_backend):
    assert anyio_backend == "asyncio"
    (tmp_path / "x").write_text("x")
    with tempfile.TemporaryDirectory():
        await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))

def teardown_module():
    for thing in kept:
        if isinstance(thing, subprocess.Popen):
            thing.stdin.close()
            thing.wait()
        elif hasattr(thing, "close"):
            thing.close()
"""


def test_a_test_that_leaves_something_open_fails(tmp_path: Path) -> None:
    """A file, socket, child, temporary folder or task that is left fails its test; a clean one passes."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    shutil.copytree(ROOT / "tests" / "support", tmp_path, dirs_exist_ok=True)
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    options = ["-q", "-rA", "-W", "error", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'base'}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_leaks.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    bad = {line.split("::")[1].split()[0] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))}
    leaky = {"test_file", "test_socket", "test_child", "test_temporary", "test_task", "test_task_of_a_property"}
    assert bad == leaky | {"test_warning"}, run.stdout + run.stderr
    assert "PASSED test_leaks.py::test_clean" in run.stdout
