"""Classes of orders: what an item may be used for. Pure.

Two specs are of one class when the same is asked of their units, whatever the units are, how many there
must be, and what it may cost. A skill is for its class. A learned rule is for orders that are alike: a spec that
gained a column keeps its rules, and another table that also has a `name` is not ruled by what this one taught.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from strop.types.fingerprint import digest
from strop.types.memory import Item, Manifest, Scope
from strop.types.work import Spec

ALIKE = 0.5
"""Share of common columns from which two orders are alike."""


def order_class(spec: Spec) -> str:
    """Hash of what is asked: the fields that readers fill in, or the files and columns that makers make."""
    if spec.each is not None:
        asked = [[column.name, column.type, column.ask, column.quote] for column in spec.table if column.read]
        return digest(["each", spec.companion is not None, asked])[:16]
    files = [[output.file, output.kind, [column.name for column in output.columns]] for output in spec.outputs]
    return digest(["made", spec.title, files])[:16]


def marks(spec: Spec) -> tuple[str, ...]:
    """A hash for each column that is ordered: its name, its type and what is asked."""
    asked = ((column.name, column.type, column.ask) for output in spec.outputs for column in output.columns)
    return tuple(sorted({digest(each)[:8] for each in asked}))


def scope_of_rule(field: str, spec: Spec) -> Scope:
    """Where a rule holds that a run of this spec taught; an order without columns teaches for its class alone."""
    among = marks(spec)
    return Scope(order="" if among else order_class(spec), fields=(field,) if field else (), among=among)


def widened(item: Item, manifest: Manifest) -> Item:
    """A rule that orders of another kind have taught before holds for all that have its column."""
    before = manifest.item(item.id)
    if before is None or before.scope == item.scope:
        return item
    return replace(item, scope=Scope(fields=item.scope.fields))


def covers(scope: Scope, spec: Spec) -> bool:
    """Whether an item of this scope may be used for the spec."""
    fields = {column.name for output in spec.outputs for column in output.columns}
    fits = scope.order in ("", order_class(spec)) and set(scope.fields) <= fields
    return fits and (not scope.among or alike(scope.among, marks(spec)) >= ALIKE)


def alike(one: Collection[str], other: Collection[str]) -> float:
    """Shared marks of all marks, 0 to 1 (P. Jaccard)."""
    return len({*one} & {*other}) / max(len({*one, *other}), 1)
