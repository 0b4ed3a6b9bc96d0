"""The swarm against one agent on WideSearch's questions. For users with keys and the data.

    python benchmarks/widesearch.py --data PATH --project FOLDER --allow URL [--allow URL ...]
                                    [--worker NAME] [--planner NAME] [--verifier NAME] [--only ID] [--limit N] [--json]

PATH holds what the data set's publisher gives (huggingface.co/datasets/ByteDance-Seed/WideSearch, R. Wong et al. 2025;
read its licence): `widesearch.jsonl`, or one `.jsonl` of another name, a question a line, and a CSV of gold by
question under `widesearch_gold/`, `answer/` or beside the JSONL. A line has

    instance_id   names the gold file, INSTANCE_ID.csv
    query         the question
    language      not used
    evaluation    an object, or its JSON as a string: `required` (columns), `unique_columns` (the key), and
                  `eval_pipeline`: by column `metric` (a list), `criterion`, `preprocess`

Each question becomes a spec of one CSV, its columns quoted, and is run twice: by the swarm, and by one agent
(`--solo`) under the same caps. FOLDER is a project: its strop.toml names models and endpoints; keys come from the
environment. Agents have `fetch` for the places that `--allow` names, and no search engine: what cannot be reached
from there is not found, so these figures do not compare with published ones, only with each other.

Metrics: `exact_match` as text without case and spaces, `in_match` one within the other, `url_match` host and path,
`number_near` within the criterion's share, `date_near` within 31 days; `llm_judge` is NOT asked here: such columns
count as `exact_match`, and the table says how many there were. `preprocess` adds nothing to that (texts are
normalised, numbers and dates are read). Names of columns and keys are not mapped by a model either.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from strop.app import Options, Order, Project, Screen, build_model, execute, open_project, spec_of
from strop.errors import BadInput, StropError
from strop.types.work import Plan
from widesearch_metric import Metric, Score, day, near, norm_column, same, score, url, within

TABLE = "answer.csv"
FOLDERS = ("widesearch_gold", "answer", "")
DEFAULT_NEAR = 0.0
"""Share of `number_near` where the criterion gives none."""
METRICS: Mapping[str, Callable[[float], Metric]] = {
    "exact_match": lambda share: same,
    "llm_judge": lambda share: same,
    "in_match": lambda share: within,
    "url_match": lambda share: url,
    "number_near": near,
    "date_near": lambda share: day,
}


class Rule(BaseModel):
    """How a column is compared."""

    model_config = ConfigDict(frozen=True)
    metric: tuple[str, ...] = ()
    criterion: float | str | None = None
    preprocess: tuple[str, ...] = ()


class Evaluation(BaseModel):
    """What counts of a table."""

    model_config = ConfigDict(frozen=True)
    required: tuple[str, ...] = Field(min_length=1)
    unique_columns: tuple[str, ...] = Field(min_length=1)
    eval_pipeline: dict[str, Rule] = {}


class Question(BaseModel):
    """One line of the data."""

    model_config = ConfigDict(frozen=True)
    instance_id: str = Field(pattern=r"^[\w.-]{1,100}$")
    query: str = Field(min_length=1)
    evaluation: Evaluation
    language: str = ""

    @field_validator("evaluation", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Task:
    """A question with its gold table."""

    question: Question
    gold: tuple[Mapping[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that count, as they are compared."""
        return tuple(norm_column(each) for each in self.question.evaluation.required)

    @property
    def heads(self) -> Mapping[str, str]:
        """Column of the spec -> column that counts: a spec's names are plain."""
        return {f"c{at}": name for at, name in enumerate(self.names, start=1)}

    @property
    def judged(self) -> int:
        """Columns that the publisher has a model judge."""
        return sum("llm_judge" in rule.metric for rule in self.question.evaluation.eval_pipeline.values())


# ---------------------------------------------------------------- reading


def read(folder: Path) -> tuple[Task, ...]:
    """All questions that have gold.

    Raises:
        BadInput: no data there, or a line that is no question; the message names file, line and field.
    """
    found = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder] if folder.is_file() else []
    chosen = next((path for path in found if path.name == "widesearch.jsonl"), found[0] if len(found) == 1 else None)
    if chosen is None:
        raise BadInput(
            f"{folder} holds no widesearch.jsonl. Get it from the publisher, and name its folder with --data"
        )
    tasks: list[Task] = []
    for number, line in enumerate(chosen.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            question = Question.model_validate_json(line)
        except (ValidationError, ValueError) as caught:
            raise BadInput(f"{chosen.name}, line {number} is no question: {_first(caught)}") from caught
        gold = _gold(chosen.parent, question)
        if gold is not None:
            tasks.append(Task(question, gold))
    if not tasks:
        raise BadInput(f"{chosen} has no question with a gold table under {', '.join(filter(None, FOLDERS))}")
    return tuple(tasks)


def _gold(folder: Path, question: Question) -> tuple[Mapping[str, str], ...] | None:
    path = next((place for each in FOLDERS if (place := folder / each / f"{question.instance_id}.csv").is_file()), None)
    if path is None:
        return None
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [{norm_column(name): value or "" for name, value in row.items() if name} for row in csv.DictReader(file)]
    wanted = {norm_column(each) for each in question.evaluation.required}
    if rows and not wanted <= set(rows[0]):
        raise BadInput(f"{path.name} has no column {min(wanted - set(rows[0]))!r}")
    return tuple(rows)


def _first(caught: ValueError) -> str:
    if isinstance(caught, ValidationError):
        flaw = caught.errors()[0]
        return f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}"
    return str(caught)


# ---------------------------------------------------------------- scoring


def metrics_of(evaluation: Evaluation) -> Mapping[str, Metric]:
    """By column; of several metrics the least counts.

    Raises:
        BadInput: a metric that is none of ours.
    """
    made: dict[str, Metric] = {}
    for name, rule in evaluation.eval_pipeline.items():
        unknown = [each for each in rule.metric if each not in METRICS]
        if unknown:
            raise BadInput(f"column {name}: no metric is called {unknown[0]!r}; there are {', '.join(METRICS)}")
        share = rule.criterion if isinstance(rule.criterion, float) else DEFAULT_NEAR
        parts = [METRICS[each](share) for each in rule.metric] or [same]
        made[norm_column(name)] = _least(parts)
    return made


def _least(parts: Sequence[Metric]) -> Metric:
    return lambda said, true: min(part(said, true) for part in parts)


def scored(task: Task, rows: Sequence[Mapping[str, str]]) -> Score:
    """A table under the columns that count, against gold."""
    evaluation = task.question.evaluation
    return score(
        rows, task.gold, columns=evaluation.required, key=evaluation.unique_columns, metrics=metrics_of(evaluation)
    )


def delivered(task: Task, folder: Path) -> list[dict[str, str]]:
    """The table of a run, under the columns that count; empty where there is none."""
    path = folder / "files" / TABLE
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [{name: row.get(head) or "" for head, name in task.heads.items()} for row in csv.DictReader(file)]


# ---------------------------------------------------------------- running


def spec_text(task: Task, *, allow: Sequence[str]) -> str:
    """The order of one question."""
    columns = "\n".join(
        f"      {head}: {{type: text, quote: true, ask: {json.dumps(name, ensure_ascii=False)}}}"
        for head, name in task.heads.items()
    )
    places = ", ".join(json.dumps(each) for each in allow)
    return (
        f'---\ndeliver:\n  - file: {TABLE}\n    rows: ">= 1"\n    columns:\n{columns}\n'
        f'sources: {{allow: ["inputs/**", {places}]}}\nbudget: {{usd: 5, minutes: 60}}\n---\n'
        f"# {task.question.instance_id}\n\n{task.question.query}\n"
    )


async def granted(plan: Plan) -> str:
    return "--yes"


async def answered(
    project: Project, task: Task, options: Options, *, allow: Sequence[str], solo: bool
) -> tuple[Score, int]:
    """(score, nano-dollars) of one run of one question."""
    name = f"{task.question.instance_id}.md"
    body = spec_text(task, allow=allow).encode()
    (project.folder / name).write_bytes(body)
    order = Order(spec_of(body, name=name), name, solo=solo, bare=True, trial=True)
    ended = await execute(project, order, options=options, approve=granted, screen=Screen())
    return scored(task, delivered(task, ended.folder)), ended.turn.run.tally.nanos


def manned(project: Project, options: Options) -> None:
    """Whether worker and planner can be asked.

    Raises:
        BadInput: no planner.
        MissingPart, ConfigRefused: a model without its key, or none of that name.
    """
    for role, named in (("worker", options.worker), ("planner", options.planner)):
        locator = named or project.config.locator(role, project.environment)
        if not locator or locator == "none":
            raise BadInput(f"no {role} is configured: set a key in the environment, or name one with --{role}")
        build_model(project, locator)


async def both(
    project: Project, tasks: Sequence[Task], options: Options, *, allow: Sequence[str]
) -> list[dict[str, object]]:
    """Each question by the swarm and by one agent; printed as it comes."""
    lines: list[dict[str, object]] = []
    print(f"{'question':<24}{'':<7}{'Item-F1':>9}{'Row-F1':>9}{'strict':>9}{'strict':>9}{'$':>9}")
    for task in tasks:
        for solo in (False, True):
            try:
                marks, nanos = await answered(project, task, options, allow=allow, solo=solo)
            except StropError as caught:
                print(
                    f"{task.question.instance_id:<24}{'solo' if solo else 'swarm':<7}{type(caught).__name__}: {caught}"
                )
                marks, nanos = scored(task, []), 0  # a run that came to nothing answered nothing
            line: dict[str, object] = {
                "question": task.question.instance_id, "who": "solo" if solo else "swarm",
                "item_f1": marks.item.f1, "row_f1": marks.row.f1, "strict_item_f1": marks.strict_item.f1,
                "strict_row_f1": marks.strict_row.f1, "usd": nanos / 1e9,
            }  # fmt: skip
            lines.append(line)
            figures = "".join(
                f"{line[key]:>9.3f}" for key in ("item_f1", "row_f1", "strict_item_f1", "strict_row_f1", "usd")
            )
            print(f"{line['question']:<24}{line['who']:<7}{figures}")
    return lines


def summary(lines: Sequence[Mapping[str, object]]) -> None:
    """Means by who, and the paired difference with its interval over questions."""
    held = {who: {str(line["question"]): line for line in lines if line["who"] == who} for who in ("swarm", "solo")}
    for key in ("item_f1", "row_f1", "strict_item_f1", "strict_row_f1", "usd"):
        gains = [_float(line, key) - _float(held["solo"][name], key) for name, line in held["swarm"].items()]
        spread = 1.959964 * stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        means = "   ".join(
            f"{who} {mean(_float(line, key) for line in each.values()):.3f}" for who, each in held.items()
        )
        print(f"{key:<16}{means}   swarm minus solo {mean(gains):+.3f} +- {spread:.3f} (95 %), n {len(gains)}")


def _float(line: Mapping[str, object], key: str) -> float:
    return float(str(line[key]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the questions; 2 where data, places or keys are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--project", type=Path, default=Path())
    parser.add_argument("--allow", action="append", default=[], help="URL of a place that agents may fetch from")
    for role in ("worker", "planner", "verifier"):
        parser.add_argument(f"--{role}", default="")
    parser.add_argument("--only", default="", help="one question by its instance_id")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.data is None:
            raise BadInput("WideSearch's tables are not part of this repository: give their folder with --data PATH")
        tasks = [task for task in read(chosen.data) if chosen.only in ("", task.question.instance_id)]
        tasks = tasks[: chosen.limit or None]
        if not tasks:
            raise BadInput(f"no question is called {chosen.only}")
        if not chosen.allow:
            raise BadInput("agents may fetch from nowhere: name places with --allow https://en.wikipedia.org/")
        options = Options(worker=chosen.worker, planner=chosen.planner, verifier=chosen.verifier or "none")
        project = open_project(chosen.project)
        manned(project, options)
    except StropError as caught:
        print(f"widesearch: {caught}", file=sys.stderr)
        return 2
    judged = sum(task.judged for task in tasks)
    if judged:
        print(f"{judged} columns ask for a judging model; here they count as exact matches")
    lines = asyncio.run(both(project, tasks, options, allow=chosen.allow))
    summary(lines)
    if chosen.json:
        print(json.dumps(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
