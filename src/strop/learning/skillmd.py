"""A skill as files in the Agent Skills format (agentskills.io specification): the projection of the library.

`SKILL.md` has only the six standard front-matter fields; what is ours stands under `metadata` as
string keys. Pure: paths and bytes out, nothing written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from strop.checking.frontmatter import split
from strop.errors import BadInput
from strop.learning.lessons import Lesson, failures_md
from strop.learning.visible import shown
from strop.types.count import agreeing, counted
from strop.types.evidence import Certificate
from strop.types.fingerprint import canonical
from strop.types.memory import Item, ItemState, Skill
from strop.types.schema import to_json_schema
from strop.types.work import Script, waves

LISTED, NAMED, WIDEST = 20, 6, 160
"""Lines of a list in SKILL.md, agents named in a line, bytes of a line."""


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
    """The skill's folder, by path relative to `.agents/skills/NAME/`; `item` is its entry in the library.

    Raises:
        BadInput: a name in the skill would be a path that leaves its folder.
    """
    if is_foreign(skill):
        return _within(
            {**{path: shown(text).encode() for path, text in skill.prompts}, "SKILL.md": _foreign_md(skill, item)}
        )
    files = {
        "SKILL.md": _skill_md(skill, item).encode(),
        "references/skill.json": canonical(skill) + b"\n",
        "references/schema.json": (json.dumps(to_json_schema(skill.schema), indent=2) + "\n").encode(),
        "references/exemplars.md": _exemplars(skill).encode(),
    }
    return _within({**files, **{f"assets/prompts/{name}.md": text.encode() for name, text in skill.prompts}})


def is_foreign(skill: Skill) -> bool:
    """Whether the skill is text that was made elsewhere: its prompts are its files, by path."""
    return not skill.born_from


def _within(files: dict[str, bytes]) -> dict[str, bytes]:
    for path in files:
        if path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise BadInput(f"the skill names a file {path[:80]!r}, which leaves its folder")
    return files


def _foreign_md(skill: Skill, item: Item) -> bytes:
    """SKILL.md of a skill made elsewhere: its own words under standard fields, and none that would give it a tool."""
    fields, body = split(dict(skill.prompts).get("SKILL.md", "---\nname: none\n---\n").encode())
    kept = {
        name: str(fields[name].value)[:most]
        for name, most in (("license", 500), ("compatibility", 500))
        if name in fields
    }
    lines = "".join(f"{name}: {_quoted(value)}\n" for name, value in kept.items())
    return (
        f"---\nname: {_quoted(skill.name)}\ndescription: {_quoted(skill.description)}\n{lines}metadata:\n"
        f'  strop-state: "{item.state}"\n  strop-taint: "{item.taint}"\n---\n\n{shown(body).strip() or skill.name}\n'
    ).encode()


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
        f"# {_cut(_line(skill.spec.title)) or skill.name}\n\n"
        "## When to use\n\n"
        f"{_line(skill.description)}\n\n"
        "## What it reads\n\n"
        f"{_listed(fields) or 'See references/skill.json for its tasks.'}\n\n"
        "## What it delivers\n\n"
        f"{_listed(deliverables)}\n\n"
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
    """Text as a YAML scalar in double quotes: `2024` stays text; what nobody sees is left out."""
    return json.dumps(shown(text).strip() or "a skill", ensure_ascii=False)


def _line(text: str) -> str:
    """Text of a spec or planner within Markdown of ours: one line, no mark that would name a file of the folder."""
    return " ".join(shown(text).replace("`", "'").split())


def _listed(lines: str) -> str:
    """At most `LISTED` lines of a list, each cut: a body stays under the format's 500 lines and 5,000 tokens."""
    held = [_cut(line) for line in shown(lines).splitlines() if line.strip()]
    more = [f"- and {len(held) - LISTED} more (`references/skill.json`)"] if len(held) > LISTED else []
    return "\n".join((*held[:LISTED], *more))


def _cut(text: str) -> str:
    return text if len(text.encode()) <= WIDEST else f"{text.encode()[:WIDEST].decode(errors='ignore')} …"


def _how(skill: Skill) -> str:
    if skill.tasks:
        steps = "\n".join(
            f"- {', '.join(stage[:NAMED])}{f' and {len(stage) - NAMED} more' if len(stage) > NAMED else ''}"
            for stage in (
                [f"`{_line(task.id)}` ({_line(task.role)[:80]})" for task in skill.tasks if task.id in names]
                for names in map(set, waves(skill.tasks))
            )
        )
        agents, work = counted(len(skill.tasks), "agent"), agreeing(len(skill.tasks), "works", "work")
        files = counted(len(skill.inputs), "input file")
        return (
            f"{agents} {work} in waves (`references/skill.json` holds their goals, with slots for\n"
            f"{files}); every value carries its source and a quote that stands in it.\n\n"
            f"{_listed(steps)}"
        )
    proofs = ", ".join(column.name for column in skill.spec.table if column.recompute) or "none"
    agents = counted(skill.spec.readers, "differently prompted agent")
    return (
        f"Each unit is read by {agents} (`assets/prompts/`), shown the worked\n"
        "examples of `references/exemplars.md`. The answer fits `references/schema.json`; every value names the\n"
        f"sentence it stands in. Recomputed from the companion table: {_cut(_line(proofs))}."
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


# ---------------------------------------------------------------- what stands beside a skill


def with_certificates(files: Mapping[str, bytes], certificates: Sequence[Certificate]) -> dict[str, bytes]:
    """The folder with what was measured: `references/certificate.json` and a table in SKILL.md."""
    if not certificates:
        return dict(files)
    rows = "\n".join(
        f"| {_line(each.item)} | {each.cases} | {each.won} / {each.lost} | {each.effect:+.3f} "
        f"({each.low:+.3f} to {each.high:+.3f}) | {'-' if each.cost is None else f'{each.cost:.2f}'} "
        f"| {_line(each.model)} | {_line(each.scorer)} | {each.day} | {_line(each.by)} |"
        for each in certificates[:LISTED]
    )
    table = (
        "## Certificate\n\n"
        "| item | cases | won / lost | effect (95 %) | cost | model | scorer | day | by |\n"
        f"|---|---|---|---|---|---|---|---|---|\n{rows}\n\n"
        "Effect: mean difference of scores against what it replaced, on inputs it was not made from; cost: its mean\n"
        "cost over the other's. All of it, e-values included, stands in `references/certificate.json`.\n"
    )
    body = json.dumps(json.loads(canonical(list(certificates))), indent=2) + "\n"
    return _with(files, table, {"references/certificate.json": body.encode()})


def with_lessons(files: Mapping[str, bytes], learned: Sequence[Lesson]) -> dict[str, bytes]:
    """The folder with what failed in the run it was born from: `references/failures.md`."""
    said = "## What failed\n\nCounted by field, cause and kind of unit in `references/failures.md`.\n"
    return _with(files, said, {"references/failures.md": failures_md(learned).encode()})


def with_scripts(files: Mapping[str, bytes], scripts: Sequence[Script]) -> dict[str, bytes]:
    """The folder with its code rungs, as data: `scripts/FIELD.regex`, the expression and nothing else."""
    if not scripts:
        return dict(files)
    made: dict[str, bytes] = {}
    for script in scripts:
        names = (
            slug(script.field, most=50),
            *(f"{slug(script.field, most=50)}-{n}" for n in range(2, len(scripts) + 1)),
        )
        free = next(name for name in names if f"scripts/{name}.regex" not in made)
        made[f"scripts/{free}.regex"] = f"{script.pattern}\n".encode()
    listed = _listed("\n".join(f"- `{path}`" for path in made))
    said = (
        "## Scripts\n\n"
        "Expressions that answer before a model is asked: the first group is the value, and a unit that one does not\n"
        f"match exactly once goes to the model. They are data; nothing here is to be executed.\n\n{listed}\n"
    )
    return _with(files, said, made)


def _with(files: Mapping[str, bytes], section: str, more: Mapping[str, bytes]) -> dict[str, bytes]:
    """A section before `## Replay`, and the files that it speaks of."""
    before, mark, after = files["SKILL.md"].decode().partition("## Replay\n")
    main = f"{before}{section}\n{mark}{after}" if mark else f"{before.rstrip()}\n\n{section}"
    return {**files, "SKILL.md": main.encode(), **more}
