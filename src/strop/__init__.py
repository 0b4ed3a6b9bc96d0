"""strop: an agent swarm that gets sharper and cheaper every time you run it.

The public names load when they are first used, so that importing costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from strop.version import __version__

if TYPE_CHECKING:
    from strop.app import Options, Order, execute, open_project
    from strop.errors import BadInput, StropError
    from strop.loop.specify import specify
    from strop.types.trial import Run, Verdict
    from strop.types.work import Plan, Spec

_HOMES = {
    "BadInput": "strop.errors",
    "Options": "strop.app",
    "Order": "strop.app",
    "Plan": "strop.types.work",
    "Run": "strop.types.trial",
    "Spec": "strop.types.work",
    "StropError": "strop.errors",
    "Verdict": "strop.types.trial",
    "execute": "strop.app",
    "open_project": "strop.app",
    "specify": "strop.loop.specify",
}

__all__ = [
    "BadInput",
    "Options",
    "Order",
    "Plan",
    "Run",
    "Spec",
    "StropError",
    "Verdict",
    "__version__",
    "execute",
    "open_project",
    "specify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'strop' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
