"""WideSearch's files are read as they are published; what is missing is said and ends with 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import widesearch
from strop.app import spec_of
from strop.errors import BadInput

EVALUATION: dict[str, object] = {
    "required": ["tower", "height(m)", "link"],
    "unique_columns": ["tower"],
    "eval_pipeline": {
        "tower": {"preprocess": ["norm_str"], "metric": ["exact_match"]},
        "height(m)": {"preprocess": ["extract_number"], "metric": ["number_near"], "criterion": 0.05},
        "link": {"metric": ["llm_judge"], "criterion": "the same place"},
    },
}
LINE: dict[str, object] = {
    "instance_id": "made_001",
    "query": "List all towers.",
    "language": "en",
    "evaluation": EVALUATION,
}
GOLD = "Tower,Height (m),Link\nOld Mill,100,a\nNew Mill,200,b\n"


@pytest.fixture(params=["widesearch_gold", "answer", ""])
def data(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The three places where gold may stand; the evaluation once as an object, once as a string."""
    line = dict(LINE)
    if request.param == "widesearch_gold":
        line["evaluation"] = json.dumps(line["evaluation"])
    (tmp_path / "widesearch.jsonl").write_text(json.dumps(line) + "\n\n", "utf-8")
    (tmp_path / request.param).mkdir(exist_ok=True)
    (tmp_path / request.param / "made_001.csv").write_text(GOLD, "utf-8")
    return tmp_path


def test_a_question_is_read_scored_and_made_an_order(data: Path, tmp_path: Path) -> None:
    """A delivered table under the spec's plain heads: one height within 5 %, one not, one link wrong."""
    (task,) = widesearch.read(data)
    (tmp_path / "run" / "files").mkdir(parents=True)
    (tmp_path / "run" / "files" / widesearch.TABLE).write_text("c1,c2,c3\nold mill,104 m,A\nNew Mill,150,x\n", "utf-8")

    marks = widesearch.scored(task, widesearch.delivered(task, tmp_path / "run"))
    spec = spec_of(widesearch.spec_text(task, allow=["https://example.org/"]).encode(), name="made_001.md")

    assert (marks.item.f1, marks.row.f1) == (pytest.approx(4 / 6), pytest.approx(1 / 2))
    assert [(column.name, column.ask) for column in spec.table] == [
        ("c1", "tower"),
        ("c2", "height(m)"),
        ("c3", "link"),
    ]
    assert all(column.quote for column in spec.table)
    assert task.judged == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"query": ""}, "line 1 is no question: query"),
        ({"evaluation": {"required": ["a"]}}, "evaluation.unique_columns"),
        ({"instance_id": "../../etc"}, "instance_id"),
        ({"evaluation": {**EVALUATION, "required": ["depth", "tower"]}}, "has no column 'depth'"),
        ({"instance_id": "made_002"}, "no question with a gold table"),
    ],
)
def test_data_that_is_none_is_refused_with_its_place(data: Path, change: dict[str, object], said: str) -> None:
    """File, line and field."""
    (data / "widesearch.jsonl").write_text(json.dumps({**LINE, **change}), "utf-8")

    with pytest.raises(BadInput, match=said.replace("[", r"\[")):
        widesearch.read(data)


def test_an_unknown_metric_is_refused(data: Path) -> None:
    """Rather than counted as something else."""
    (task,) = widesearch.read(data)
    rule = widesearch.Rule(metric=("bleu",))
    evaluation = task.question.evaluation.model_copy(update={"eval_pipeline": {"tower": rule}})

    with pytest.raises(BadInput, match="no metric is called 'bleu'"):
        widesearch.metrics_of(evaluation)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give their folder with --data"),
        (["--data", "nowhere"], "nowhere holds no widesearch.jsonl"),
        (["--data", "{data}"], "agents may fetch from nowhere"),
        (["--data", "{data}", "--only", "x"], "no question is called x"),
        (["--data", "{data}", "--allow", "https://a.org/", "--project", "{data}", "--worker", "none"], "no worker is"),
    ],
    ids=["no-data", "not-there", "no-place", "no-such-question", "no-model"],
)
def test_what_is_missing_is_said_and_ends_with_2(
    data: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is paid."""
    assert widesearch.main([each.format(data=data) for each in arguments]) == 2
    assert said in capsys.readouterr().err
