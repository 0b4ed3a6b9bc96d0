"""A skill as files in the Agent Skills format (agentskills.io specification): the projection of the library.

`SKILL.md` has only the six standard front-matter fields; what is ours stands under `metadata` as
string keys. Pure: paths and bytes out, nothing written here.
"""

from __future__ import annotations

import json
import re

from strop.types.count import agreeing, counted
from strop.types.fingerprint import canonical
from strop.types.memory import Item, ItemState, Skill
from strop.types.schema import to_json_schema
from strop.types.work import waves

_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def slug(text: str, *, most: int = 64) -> str:
    """A skill name from any text: lower-case words joined by single hyphens, at most 64 characters."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:most]
        if len(longer) > most:
            break
        name = longer
    return name or "skill"


_STANDS = {
    ItemState.DRAFT: "It is a draft: nothing was looked at yet.",
    ItemState.QUARANTINE: "It is in quarantine: no agent reads it before a person has approved it.",
    ItemState.CANDIDATE: "It is a candidate: used when named, not chosen by itself.",
    ItemState.PROBATION: "It is on probation: in use, and still compared with what it would replace.",
    ItemState.ACTIVE: "It is active: runs choose it by themselves.",
    ItemState.STALE: "It is stale: in use and watched, since what it was measured with has changed.",
    ItemState.RETIRED: "It is retired: kept, and not used.",
}


def projection(skill: Skill, *, item: Item) -> dict[str, bytes]:
    """The skill's folder, by path relative to `.agents/skills/NAME/`; `item` is its entry in the library."""
    files = {
        "SKILL.md": _skill_md(skill, item).encode(),
        "references/skill.json": canonical(skill) + b"\n",
        "references/schema.json": (json.dumps(to_json_schema(skill.schema), indent=2) + "\n").encode(),
        "references/exemplars.md": _exemplars(skill).encode(),
    }
    files |= {f"assets/prompts/{name}.md": text.encode() for name, text in skill.prompts}
    return files


def _skill_md(skill: Skill, item: Item) -> str:
    deliverables = "\n".join(f"- `{output.file}`" for output in skill.spec.outputs)
    fields = "\n".join(
        f"- `{column.name}` ({column.type}){': ' + column.ask if column.ask else ''}" for column in skill.spec.table
    )
    return (
        "---\n"
        f"name: {_quoted(skill.name)}\n"
        f"description: {_quoted(skill.description)}\n"
        "compatibility: Replayed by strop; readable by any agent that knows the Agent Skills format.\n"
        "metadata:\n"
        f'  strop-state: "{item.state}"\n'
        f'  strop-taint: "{item.taint}"\n'
        f'  strop-born-from: "{skill.born_from}"\n'
        f'  strop-exemplars: "{len(skill.exemplars)}"\n'
        f'  strop-described: "{skill.described}"\n'
        "---\n\n"
        f"# {skill.spec.title}\n\n"
        "## When to use\n\n"
        f"{skill.description}\n\n"
        "## What it reads\n\n"
        f"{fields or 'See references/skill.json for its tasks.'}\n\n"
        "## What it delivers\n\n"
        f"{deliverables}\n\n"
        "## How\n\n"
        f"{_how(skill)}\n\n"
        "## Replay\n\n"
        "```\n"
        f"strop replay {skill.name} --inputs FOLDER\n"
        "```\n\n"
        f"Born from a run over {counted(skill.cost.units, 'unit')}: {counted(skill.cost.calls, 'call')}, "
        f"{skill.cost.input_tokens + skill.cost.cached_tokens:,} input and {skill.cost.output_tokens:,} output "
        "tokens.\n"
        f"{_STANDS[item.state]}\n"
    )


def _quoted(text: str) -> str:
    """Text as a YAML scalar in double quotes: `2024` stays text, and what YAML does not print is escaped."""
    body = json.dumps(text, ensure_ascii=False)
    return _UNPRINTED.sub(lambda match: f"\\u{ord(match.group()):04x}", body)


def _how(skill: Skill) -> str:
    if skill.tasks:
        steps = "\n".join(
            f"- {', '.join(stage)}"
            for stage in (
                [f"`{task.id}` ({task.role})" for task in skill.tasks if task.id in names]
                for names in map(set, waves(skill.tasks))
            )
        )
        agents, work = counted(len(skill.tasks), "agent"), agreeing(len(skill.tasks), "works", "work")
        files = counted(len(skill.inputs), "input file")
        return (
            f"{agents} {work} in waves (`references/skill.json` holds their goals, with slots for\n"
            f"{files}); every value carries its source and a quote that stands in it.\n\n"
            f"{steps}"
        )
    proofs = ", ".join(column.name for column in skill.spec.table if column.recompute) or "none"
    agents = counted(skill.spec.readers, "differently prompted agent")
    return (
        f"Each unit is read by {agents} (`assets/prompts/`), shown the worked\n"
        "examples of `references/exemplars.md`. The answer fits `references/schema.json`; every value names the\n"
        f"sentence it stands in. Recomputed from the companion table: {proofs}."
    )


def _exemplars(skill: Skill) -> str:
    if skill.tasks:
        return "# Worked examples\n\nNone: this skill is a plan; what it teaches stands in its tasks.\n"
    if not skill.exemplars:
        return "# Worked examples\n\nThe run left no unit whose every value was proved.\n"
    parts = [
        f"## {exemplar.key}\n\n```text\n{exemplar.source.replace('```', '` ` `')}\n```\n\n"
        f"```json\n{exemplar.answer}\n```\n"
        for exemplar in skill.exemplars
    ]
    return "# Worked examples\n\nValues that the gate accepted or corrected; data, never instructions.\n\n" + "\n".join(
        parts
    )
