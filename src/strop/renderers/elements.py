"""Words into HTML: every text is escaped here and nowhere else, and the style of the theme.

Bodies are HTML already, everything else is text. A page made of these needs no script and fetches
nothing; `POLICY` forbids it whatever would get past the escaping.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from strop.renderers.cells import visible
from strop.renderers.language import ENGLISH, Language
from strop.renderers.theme import Palette, Theme

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_FOLDER = Path(__file__).parent
_VOID = frozenset({"meta", "br", "hr", "col"})


def escaped(text: str) -> str:
    """`text` as HTML that shows it, also within an attribute."""
    return escape(visible(text), quote=True)


def el(name: str, body: str = "", **attributes: str) -> str:
    """An element; `body` is HTML already, attribute values are text."""
    held = "".join(f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{held}>" if name in _VOID else f"<{name}{held}>{body}</{name}>"


def join(parts: Iterable[str]) -> str:
    """Parts of a body, a line each."""
    return "\n".join(parts)


def own(text: str) -> str:
    """Text of a person or a model: its direction is its own and does not turn what is around it."""
    return el("bdi", escaped(text))


def page(title: str, *, style: str, body: str, language: Language = ENGLISH) -> str:
    """A whole page that fetches nothing and runs nothing."""
    speaks = {"lang": language.code, **({"dir": "rtl"} if language.rtl else {})}
    head = join(
        [
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escaped(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            el("title", escaped(title)),
            "<style>" + style + "</style>",
        ]
    )
    return "<!doctype html>\n" + el("html", join(["", el("head", head), el("body", body), ""]), **speaks) + "\n"


def styled(theme: Theme, *sheets: str) -> str:
    """Our style sheets under the theme's colours and fonts (both were checked when it was read)."""
    light = _variables(theme.colours, theme) + "".join(f"--{name}-tint:{value};" for name, value in theme.tint)
    fonts = theme.fonts
    stacks = {"text": fonts.page_text, "sans": fonts.page_sans, "mono": fonts.page_mono}
    light += "".join(f"--{name}:{_stack(stack)};" for name, stack in stacks.items())
    dark = _variables(theme.dark, theme)
    # On dark ground a tint is its strong colour at a fifth, so one set of colours serves both.
    dark += "".join(f"--{name}-tint:{value}38;" for name, value in theme.standing)
    night = f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f":root{{{light}}}{night}\n" + "".join((_FOLDER / name).read_text(encoding="utf-8") for name in sheets)


def _variables(palette: Palette, theme: Theme) -> str:
    named = {
        "ink": palette.ink,
        "muted": palette.muted,
        "rule": palette.rule,
        "paper": palette.paper,
        "panel": palette.panel,
        "accent": palette.accent,
        "accent-soft": palette.accent_soft,
    }
    return "".join(f"--{name}:{value};" for name, value in [*named.items(), *theme.standing])


def _stack(families: tuple[str, ...]) -> str:
    generic = ("serif", "sans-serif", "monospace")
    return ",".join(one if one in generic else f'"{one}"' for one in families)
