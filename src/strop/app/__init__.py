"""Puts a run together: the project, its models and tools, one turn of the loop, and looking back.

`parts.py` is the only place that chooses implementations.
"""

from strop.app.again import draft_of, verdicts_compared, verify_again
from strop.app.drift import Settled, settle
from strop.app.foreign import Examined, examine_files
from strop.app.leaving import Ended
from strop.app.library import approve, history, version_of
from strop.app.lookup import Found, lookup
from strop.app.orders import Options, Order, Screen, again_order, make_plan, replay_order
from strop.app.parts import build_model, renderers, theme_of, theme_path, weights_of
from strop.app.project import (
    Project,
    all_skills,
    held_skill,
    open_project,
    resumable,
    runs_of,
    skill_named,
    spec_of,
    state_of,
)
from strop.app.rehearing import Offer, Rehearing, reheard
from strop.app.running import loop_name, run
from strop.app.turn import execute

__all__ = [
    "Ended",
    "Examined",
    "Found",
    "Offer",
    "Options",
    "Order",
    "Project",
    "Rehearing",
    "Screen",
    "Settled",
    "again_order",
    "all_skills",
    "approve",
    "build_model",
    "draft_of",
    "examine_files",
    "execute",
    "held_skill",
    "history",
    "lookup",
    "loop_name",
    "make_plan",
    "open_project",
    "reheard",
    "renderers",
    "replay_order",
    "resumable",
    "run",
    "runs_of",
    "settle",
    "skill_named",
    "spec_of",
    "state_of",
    "theme_of",
    "theme_path",
    "verdicts_compared",
    "verify_again",
    "version_of",
    "weights_of",
]
