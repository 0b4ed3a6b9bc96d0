"""Where clients of the Agent Skills format look for skills, as data; looked up in their documents in 2026-08.

Kimi CLI and Kimi Code, Claude Code, Codex, Gemini CLI, Cursor. A folder earlier in `folders` wins over a later one;
`climbs` clients look in every folder from where they are started up to the repository's root. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

OURS = ".agents/skills"


@dataclass(frozen=True, slots=True)
class Layout:
    """One client's rules for the skills of a project."""

    client: str
    folders: tuple[str, ...]
    """Relative to a project folder, best first."""
    climbs: bool = True

    @property
    def reads_ours(self) -> bool:
        return OURS in self.folders


LAYOUTS = (
    Layout("kimi", (".kimi/skills", ".claude/skills", ".codex/skills", OURS)),
    Layout("kimi-code", (".kimi-code/skills", OURS), climbs=False),
    Layout("claude", (".claude/skills",), climbs=False),
    Layout("codex", (OURS,)),
    Layout("gemini", (".gemini/skills", OURS), climbs=False),
    Layout("cursor", (".cursor/skills", OURS, ".claude/skills", ".codex/skills"), climbs=False),
)
FOREIGN = tuple(dict.fromkeys(folder for layout in LAYOUTS for folder in layout.folders))
"""Every folder that an import looks into when it is shown a project."""


def layout_of(client: str) -> Layout | None:
    """The rules of a client by its name."""
    return next((layout for layout in LAYOUTS if layout.client == client), None)


def searched(layout: Layout, *, started: str, root: str) -> tuple[str, ...]:
    """The folders that the client looks into, best first, when started in `started` within the repository `root`."""
    at, top = PurePosixPath(started), PurePosixPath(root)
    places = [at, *at.parents] if layout.climbs else [at]
    within = [place for place in places if place == top or top in place.parents]
    return tuple(str(place / folder) for place in within for folder in layout.folders)
