"""One visual identity for every format: colours, fonts and sizes, from `theme.toml`.

A project may override any key by a file of its own. Every value ends up inside another format
(CSS, a chart spec, a template's data), so each is checked here, once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeGuard, cast

from strop.errors import ConfigRefused

_OURS = Path(__file__).with_name("theme.toml")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_FONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 \-]{0,63}")
_STANDINGS = ("accepted", "corrected", "unverified", "refuted")
_LARGEST = 96.0
"""Points; a larger letter is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of text and surfaces, as `#rrggbb`."""

    ink: str
    muted: str
    rule: str
    paper: str
    panel: str
    accent: str
    accent_soft: str


@dataclass(frozen=True, slots=True)
class Fonts:
    """Families; the `page_` ones are stacks for a browser."""

    text: str
    chart: str
    mono: str
    sheet: str
    page_text: tuple[str, ...]
    page_sans: tuple[str, ...]
    page_mono: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Points."""

    text: float
    table: float
    table_least: float
    """A table that does not fit at this size is split into panels of columns."""
    small: float
    title: float


@dataclass(frozen=True, slots=True)
class Theme:
    colours: Palette
    dark: Palette
    standing: tuple[tuple[str, str], ...]
    """(standing, strong colour)."""
    tint: tuple[tuple[str, str], ...]
    """(standing, background)."""
    series: tuple[str, ...]
    fonts: Fonts
    sizes: Sizes

    def standing_colour(self, standing: str) -> str | None:
        """The strong colour of a standing; None for a name that is none."""
        return dict(self.standing).get(standing)

    def standing_tint(self, standing: str) -> str | None:
        """The background of a standing; None for a name that is none."""
        return dict(self.tint).get(standing)


def load_theme(path: Path | None = None) -> Theme:
    """The theme that ships, with the keys of the file at `path` laid over it.

    Raises:
        ConfigRefused: the file cannot be read, has an unknown key, or a value that is no colour,
            font or size.
    """
    if path is None:
        return _default()
    return _theme(_merged(_read(_OURS), _read(path), path), path)


@cache
def _default() -> Theme:
    return _theme(_read(_OURS), _OURS)


def _read(path: Path) -> dict[str, dict[str, object]]:
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as caught:
        raise ConfigRefused(f"theme {path}: {caught}. Mend this place, or take the file away") from caught
    for name, section in held.items():
        if not isinstance(section, dict):
            raise ConfigRefused(f"theme {path}: {name} is not a section. Write [{name}]")
    return cast("dict[str, dict[str, object]]", held)


def _merged(
    ours: Mapping[str, Mapping[str, object]], theirs: Mapping[str, Mapping[str, object]], path: Path
) -> dict[str, dict[str, object]]:
    for name, section in theirs.items():
        known = ours.get(name)
        if known is None:
            raise ConfigRefused(f"theme {path}: no section {name}. There are: {', '.join(ours)}")
        for key in section:
            if key not in known:
                raise ConfigRefused(f"theme {path}: [{name}] has no {key}. It has: {', '.join(known)}")
    return {name: {**section, **theirs.get(name, {})} for name, section in ours.items()}


def _theme(held: Mapping[str, Mapping[str, object]], path: Path) -> Theme:
    def colours(section: str) -> dict[str, str]:
        return {key: _colour(value, f"[{section}] {key}", path) for key, value in held[section].items()}

    sections = {name: colours(name) for name in ("standing", "tint")}
    fonts, sizes = held["fonts"], held["sizes"]
    series = held["series"]["colours"]
    if not _is_list(series) or not series:
        raise ConfigRefused(f"theme {path}: [series] colours is a list of at least one colour")
    return Theme(
        colours=Palette(**colours("colours")),
        dark=Palette(**colours("dark")),
        standing=tuple((name, sections["standing"][name]) for name in _STANDINGS),
        tint=tuple((name, sections["tint"][name]) for name in _STANDINGS),
        series=tuple(_colour(value, "[series] colours", path) for value in series),
        fonts=Fonts(
            text=_font(fonts["text"], "text", path),
            chart=_font(fonts["chart"], "chart", path),
            mono=_font(fonts["mono"], "mono", path),
            sheet=_font(fonts["sheet"], "sheet", path),
            page_text=_stack(fonts["page_text"], "page_text", path),
            page_sans=_stack(fonts["page_sans"], "page_sans", path),
            page_mono=_stack(fonts["page_mono"], "page_mono", path),
        ),
        sizes=Sizes(**{key: _size(value, key, path) for key, value in sizes.items()}),
    )


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _colour(value: object, where: str, path: Path) -> str:
    if not isinstance(value, str) or not _COLOUR.fullmatch(value.lower()):
        raise ConfigRefused(f"theme {path}: {where} is {value!r}. Write a colour as #1f5673")
    return value.lower()


def _font(value: object, where: str, path: Path) -> str:
    if not isinstance(value, str) or not _FONT.fullmatch(value):
        raise ConfigRefused(f"theme {path}: [fonts] {where} is {value!r}. Write the name of one family")
    return value


def _stack(value: object, where: str, path: Path) -> tuple[str, ...]:
    if not _is_list(value) or not value:
        raise ConfigRefused(f"theme {path}: [fonts] {where} is a list of families")
    return tuple(_font(name, where, path) for name in value)


def _size(value: object, where: str, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 4 <= value <= _LARGEST:
        raise ConfigRefused(f"theme {path}: [sizes] {where} is {value!r}. Write points from 4 to {_LARGEST:.0f}")
    return float(value)
