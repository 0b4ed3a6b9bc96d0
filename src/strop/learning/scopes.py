"""Classes of orders: what an item may be used for. Pure.

Two specs are of one class when the same is asked of their units, whatever the units are, how many there
must be, and what it may cost.
"""

from __future__ import annotations

from strop.types.fingerprint import digest
from strop.types.memory import Scope
from strop.types.work import Spec


def order_class(spec: Spec) -> str:
    """Hash of what is asked: the fields that readers fill in, or the files and columns that makers make."""
    if spec.each is not None:
        asked = [[column.name, column.type, column.ask, column.quote] for column in spec.table if column.read]
        return digest(["each", spec.companion is not None, asked])[:16]
    files = [[output.file, output.kind, [column.name for column in output.columns]] for output in spec.outputs]
    return digest(["made", spec.title, files])[:16]


def covers(scope: Scope, spec: Spec) -> bool:
    """Whether an item of this scope may be used for the spec."""
    fields = {column.name for output in spec.outputs for column in output.columns}
    return scope.order in ("", order_class(spec)) and set(scope.fields) <= fields
