"""The scripted model: a transcript is played, and nothing else is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from strop.errors import ConfigRefused, EndpointDown, ModelFailure, RateLimited, RequestRefused
from strop.models.scripted import ScriptedModel, Turn, read_transcript
from strop.seams import Answer, Message, Request
from strop.types.events import ToolCall
from strop.types.money import Certainty, Usage

pytestmark = pytest.mark.anyio

TRANSCRIPT = """
[[turn]]
match = "affairs"
after_tools = 0
calls = [{ name = "count_rows", arguments = { path = "data/affairs.csv" } }]
reasoning = "count first"

[[turn]]
match = "affairs"
after_tools = 1
answer = { rows = 601, name = "affairs" }
usage = { input = 900, cached = 700, output = 40 }

[[turn]]
match = "airports"
failure = "RateLimited"
retry_after = 2
times = 1

[[turn]]
match = "airports"
system = "reader"
text = "words"
seconds = 0.5

[[turn]]
match = "broken"
failure = "EndpointDown"
billed = true
"""


class Clock:
    """Counts what was slept."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> float:
        return self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


def ask(user: str, *more: Message, system: str = "You are a reader.") -> Request:
    return Request((Message("system", system), Message("user", user), *more), head=1)


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "two_tables.toml"
    path.write_text(TRANSCRIPT)
    return path


async def test_turns_are_found_by_what_was_asked(transcript: Path) -> None:
    """By the last user text, the system text and the tool results so far; never by the order of asking."""
    clock = Clock()
    model = ScriptedModel.read(transcript, clock=clock)
    first = await model.answer(ask("Read affairs."))
    assert first.calls == (ToolCall("call_1", "count_rows", '{"path":"data/affairs.csv"}'),)
    assert (first.finish, first.reasoning) == ("tools", "count first")
    assert first.usage.certainty is Certainty.ESTIMATED
    assert first.usage.total > 0
    heard: list[int] = []
    second = await model.answer(ask("Read affairs.", Message("tool", "601", call_id="call_1")), notice=heard.append)
    assert second == Answer('{"name":"affairs","rows":601}', Usage(input=900, cached=700, output=40))
    assert heard == [len(second.text)]
    with pytest.raises(RateLimited) as limited:
        await model.answer(ask("Read airports."))
    assert limited.value.retry_after == 2.0
    assert (await model.answer(ask("Read airports."))).text == "words"
    assert clock.slept == 0.5
    with pytest.raises(EndpointDown) as down:
        await model.answer(ask("broken"))
    assert down.value.billed is True


async def test_what_no_turn_matches_is_refused_by_name(transcript: Path) -> None:
    """The message names the transcript and what was asked; retrying would not help."""
    model = ScriptedModel.read(transcript, clock=Clock())
    with pytest.raises(RequestRefused, match=r"two_tables\.toml has no turn.*Read cars"):
        await model.answer(ask("Read cars."))
    with pytest.raises(RateLimited):
        await model.answer(ask("Read airports.", system="You are a critic."))
    with pytest.raises(RequestRefused):
        await model.answer(ask("Read airports.", system="You are a critic."))


async def test_a_function_may_be_the_script() -> None:
    """It returns an answer or a failure."""

    def script(request: Request) -> Answer | ModelFailure:
        text = request.messages[-1].text
        return EndpointDown("no", billed=False) if text == "fail" else Answer(text.upper(), Usage(1, output=1))

    model = ScriptedModel(script, clock=Clock())
    assert (await model.answer(ask("hello"))).text == "HELLO"
    with pytest.raises(EndpointDown):
        await model.answer(ask("fail"))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", r"no \[\[turn\]\]"),
        ("[[turn]", "cannot be read"),
        ("[[turn]]\nmatch = 'x'", "give either"),
        ("[[turn]]\ntext = 'x'\nanswer = {}", "give either"),
        ("[[turn]]\ntext = 'x'\nfailure = 'BadStream'", "give either"),
        ("[[turn]]\nfailure = 'Boom'", "no failure is called 'Boom'"),
        ("[[turn]]\ntext = 'x'\nmach = 'y'", "'mach' is unknown"),
        ("[[turn]]\ntext = 1", "text must be text"),
        ("[[turn]]\ntext = 'x'\ntimes = -1", "times must be a whole number"),
        ("[[turn]]\ntext = 'x'\nseconds = nan", "seconds must be a number"),
        ("[[turn]]\ncalls = 'look'", "calls must be a list"),
        ("[[turn]]\ntext = 'x'\nusage = {tokens = 1}", "usage has"),
        ("[[turn]]\ntext = 'x'\nfinish = 'done'", "finish must be"),
        ("turn = [1]", "must be a table"),
    ],
)
def test_a_transcript_that_is_wrong_is_refused_with_its_place(tmp_path: Path, body: str, complaint: str) -> None:
    """File, turn and key; nothing is ignored."""
    path = tmp_path / "t.toml"
    path.write_text(body)
    with pytest.raises(ConfigRefused, match=complaint):
        read_transcript(path)


def test_a_turn_without_conditions_answers_everything() -> None:
    """The last turn of a transcript may be a default."""
    assert Turn(Answer("x", Usage())).fits(ask("anything"))
