"""Slots: what a planner wrote about one run's files becomes a plan for other files, and back.

`emptied` puts `{{input 3}}` where a goal or role names the third file of the run, and `{{folder}}` where
it names the folder that all of them lie in; `named` puts `{{name 3}}` where it says that file's name without its
ending. `filled` deals new files out to the slots: file i goes to
slot i modulo their number, so that more files than slots are shared evenly; tasks whose every slot stays
empty are left out. Pure.

Not elegant, and known: a goal that speaks of files by number only (`documents 1 to 6`) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from strop.types.work import Task

SLOTS = re.compile(r"\{\{(?:input \d+|name \d+|folder)\}\}/?")
"""Every slot that a goal or role may have."""
_SLOT = re.compile(r"\{\{(input|name) (\d+)\}\}")
_FOLDER = "{{folder}}"


def emptied(
    tasks: Sequence[Task], *, files: Sequence[str], also: Collection[str] = ()
) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """(tasks with slots, the files that the slots stood for, in the slots' order); those in `also` have one anyway."""
    names = [PurePosixPath(path).name for path in files]
    spellings = {path: path for path in files} | {
        name: path for name, path in zip(names, files, strict=True) if names.count(name) == 1
    }
    if not spellings:
        return tuple(tasks), ()
    longest = sorted(spellings, key=len, reverse=True)
    named = re.compile(rf"(?<![\w./-])(?:\./)?({'|'.join(map(re.escape, longest))})(?!\.?[\w/-])")
    texts = [text for task in tasks for text in (task.goal, task.role)]
    used = {spellings[match.group(1)] for text in texts for match in named.finditer(text)}
    inputs = tuple(path for path in files if path in used or path in also)
    number = {path: at for at, path in enumerate(inputs, 1)}
    folder = folder_of(inputs or tuple(files))

    def emptied_text(text: str) -> str:
        text = named.sub(lambda match: f"{{{{input {number[spellings[match.group(1)]]}}}}}", text)
        return re.sub(rf"(?<![\w./-]){re.escape(folder)}/", f"{_FOLDER}/", text) if folder else text

    made = tuple(replace(task, goal=emptied_text(task.goal), role=emptied_text(task.role)) for task in tasks)
    return made, inputs


def named(text: str, *, stems: Mapping[str, int]) -> str:
    """The text with `{{name N}}` where it says one of these names as a word of its own."""
    if not stems:
        return text
    said = re.compile(
        rf"(?<![\w./{{-])({'|'.join(map(re.escape, sorted(stems, key=len, reverse=True)))})(?![\w/-]|\.\w)"
    )
    return said.sub(lambda match: f"{{{{name {stems[match.group(1)]}}}}}", text)


def filled(tasks: Sequence[Task], *, slots: int, found: Sequence[str], folder: str) -> tuple[Task, ...]:
    """The tasks on the files `found`; steps grow with the files that a slot is dealt."""
    dealt = {number: tuple(found[number - 1 :: slots]) for number in range(1, slots + 1)}
    kept: list[Task] = []
    for task in tasks:
        numbers = {int(number) for _, number in _SLOT.findall(task.goal)}
        if numbers and not any(dealt.get(number) for number in numbers) and not task.makes:
            continue
        most = max((len(dealt.get(number, ())) for number in numbers), default=1)
        kept.append(
            replace(
                task,
                goal=_filled_text(task.goal, dealt, folder),
                role=_filled_text(task.role, dealt, folder)[:120],
                steps=min(task.steps * max(most, 1), 200),
            )
        )
    return _tied(kept)


def folder_of(files: Sequence[str]) -> str:
    """The deepest folder that holds all of them; empty when that is the project."""
    parents = [PurePosixPath(path).parts[:-1] for path in files]
    common: list[str] = []
    for parts in zip(*parents, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)


def _filled_text(text: str, dealt: dict[int, tuple[str, ...]], folder: str) -> str:
    def file_or_name(match: re.Match[str]) -> str:
        files = dealt.get(int(match.group(2)), ())
        shown = files if match.group(1) == "input" else tuple(PurePosixPath(path).stem for path in files)
        return ", ".join(shown) or "(no file)"

    text = _SLOT.sub(file_or_name, text)
    return text.replace(f"{_FOLDER}/", f"{folder}/" if folder else "")


def _tied(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Without needs that were left out, and without tasks that have none left of all they needed."""
    kept = list(tasks)
    while True:
        names = {task.id for task in kept}
        bare = {task.id for task in kept if task.needs and not task.makes and not any(n in names for n in task.needs)}
        if not bare:
            return tuple(replace(task, needs=tuple(n for n in task.needs if n in names)) for task in kept)
        kept = [task for task in kept if task.id not in bare]
