"""Items from what a run left: what they depend on, what they cite, where they apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strop.learning.scopes import order_class, scope_of_rule
from strop.types.fingerprint import digest, digest_bytes
from strop.types.memory import Constraint, Dependency, Item, ItemKind, ItemState, Scope, Skill, Taint
from strop.types.schema import Schema
from strop.types.trial import Run
from strop.types.work import Binding, Exemplar, Guidance, Script

Body = Skill | Constraint | Script
"""What an item that guides readers holds."""
TOKEN = 4
"""Characters of a prompt that are taken for a token."""


def grounds_of(*, worker: Binding | None, schema: Schema, prompts: Mapping[str, str]) -> tuple[Dependency, ...]:
    """What a skill's worth was measured with: who works, what is answered, and by which prompts (name -> text)."""
    model = (Dependency("model", "worker", worker.model),) if worker is not None else ()
    asked = Dependency("schema", "answer", digest(schema)[:16])
    told = (Dependency("prompt", name, digest_bytes(text.encode())[:16]) for name, text in sorted(prompts.items()))
    return (*model, asked, *told)


def skill_item(skill: Skill, *, run: Run, inputs: tuple[str, ...]) -> Item:
    """The item of a new skill. `inputs` are the hashes of what it was made from."""
    kind = ItemKind.PLAN if skill.tasks else ItemKind.SKILL
    return Item(
        id=f"{kind}/{skill.name}",
        kind=kind,
        digest="",
        state=ItemState.CANDIDATE,
        scope=Scope(order=order_class(run.plan.spec)),
        tokens=sum(len(each.source) + len(each.answer) for each in skill.exemplars) // TOKEN,
        taint=Taint.DERIVED,
        depends=grounds_of(worker=run.plan.binding("worker"), schema=skill.schema, prompts=dict(skill.prompts)),
        cites=(run.id,),
        inputs=inputs,
        why="left by a run that passed; a candidate until evidence decides",
    )


def script_item(script: Script, *, run: Run, order: str, inputs: tuple[str, ...]) -> Item:
    """The item of an expression that was found on proved values of `inputs`; what it is worth, pairs say."""
    return Item(
        id=f"{ItemKind.SCRIPT}/{script.skill}.{script.field}",
        kind=ItemKind.SCRIPT,
        digest="",
        state=ItemState.CANDIDATE,
        scope=Scope(order=order, fields=(script.field,)),
        taint=Taint.DERIVED,
        cites=(run.id,),
        inputs=inputs,
        why="found on proved values; tried against what the prompt reads",
    )


def rule_item(rule: Constraint, *, run: Run) -> Item:
    """The item of a learned rule: a check is in force when it was admitted, a line for a model is not."""
    kind = ItemKind.CHECK if rule.check else ItemKind.CONSTRAINT
    return Item(
        id=f"{kind}/{rule.id}",
        kind=kind,
        digest="",
        state=rule.state,
        scope=scope_of_rule(rule.field, run.plan.spec),
        tokens=0 if rule.check else len(rule.text) // TOKEN,
        taint=Taint.UNTRUSTED if rule.state is ItemState.QUARANTINE else Taint.DERIVED,
        cites=(run.id,),
        why=rule.reason,
    )


def by_reader(exemplars: Sequence[Exemplar], readers: int) -> tuple[tuple[Exemplar, ...], ...]:
    """Every reader sees them in an order of its own, so that readers stay different."""
    if not exemplars:
        return ()
    return tuple(tuple(exemplars[turn:]) + tuple(exemplars[:turn]) for turn in range(min(readers, len(exemplars))))


def assembled(held: Sequence[tuple[Item, Body]], *, base: Guidance, readers: int) -> Guidance:
    """The guidance that these items add up to; of two sets of worked examples the first counts."""
    made = base
    for item, body in held:
        match body:
            case Skill():
                made = made if made.exemplars else replace(made, exemplars=by_reader(body.exemplars, readers))
            case Constraint():
                made = replace(made, rules=(*made.rules, body.text))
            case Script():
                made = replace(made, scripts=(*made.scripts, body))
        made = replace(made, items=tuple(sorted({*made.items, item.id})))
    return made


def arm(guidance: Guidance) -> str:
    """Hash of what an arm's prompts read of the library: the incumbent that evidence counts against."""
    return digest([guidance.exemplars, guidance.rules, guidance.style, guidance.scripts])[:16]
