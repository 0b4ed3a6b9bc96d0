"""A model that plays a transcript: the same request gets the same answer, on every machine, for nothing.

A transcript is a TOML file of turns; a request is given the first turn that matches it and is not
used up. What no turn matches is refused, loudly. Or pass a function from request to answer.

    [[turn]]
    match = "affairs"            # stands in the last user text
    system = "reader"            # stands in a system text; both must hold where both are given
    after_tools = 1              # so many tool results stand in the conversation
    times = 1                    # may be played so often; left out: always
    answer = { rows = 601 }      # JSON; or text = "..."
    calls = [{ name = "count_rows", arguments = { path = "data/affairs.csv" } }]
    usage = { input = 900, cached = 700, output = 40 }
    seconds = 0.5                # waited on the clock that was passed in

    [[turn]]
    failure = "RateLimited"      # a branch of ModelFailure; with retry_after or billed where it has them
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson

from strop.errors import (
    AuthRefused,
    BadStream,
    ConfigRefused,
    EndpointDown,
    ModelFailure,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    WindowExceeded,
)
from strop.seams import Answer, Clock, ModelCard, Request
from strop.types.events import ToolCall
from strop.types.fingerprint import canonical
from strop.types.money import Certainty, Price, Usage
from strop.types.schema import Json

if TYPE_CHECKING:
    from strop.seams import Model

_KEYS = {
    "match", "system", "after_tools", "times", "answer", "text", "calls", "reasoning", "finish",
    "usage", "seconds", "failure", "retry_after", "billed",
}  # fmt: skip
_FINAL = {kind.__name__: kind for kind in (QuotaExhausted, AuthRefused, RequestRefused, WindowExceeded, BadStream)}
_FAILURES = (*_FINAL, "RateLimited", "EndpointDown")


def scripted_card(name: str = "scripted") -> ModelCard:
    """A card that costs nothing and goes nowhere."""
    return ModelCard(name=name, id=name, family="scripted", price=Price(), window=262_144, output=32_768)


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of a transcript: when it is played, and what it says or how it fails."""

    says: Answer | ModelFailure
    match: str = ""
    system: str = ""
    after_tools: int | None = None
    times: int | None = None
    """None: as often as asked."""
    seconds: float = 0.0

    def fits(self, request: Request) -> bool:
        """Whether this turn answers `request`."""
        messages = request.messages
        if self.match and self.match not in _last_user(request):
            return False
        if self.system and not any(self.system in each.text for each in messages if each.role == "system"):
            return False
        return self.after_tools is None or self.after_tools == sum(each.role == "tool" for each in messages)


class ScriptedModel:
    """Plays turns, or a function. Usage that a turn does not state is estimated at four bytes a token."""

    def __init__(
        self,
        script: tuple[Turn, ...] | Callable[[Request], Answer | ModelFailure],
        *,
        clock: Clock,
        card: ModelCard | None = None,
        name: str = "the script",
    ) -> None:
        self._script = script
        self._clock = clock
        self._card = card or scripted_card()
        self._name = name
        self._played: Counter[int] = Counter()

    @classmethod
    def read(cls, path: Path, *, clock: Clock, card: ModelCard | None = None) -> ScriptedModel:
        """A model from a transcript file.

        Raises:
            ConfigRefused: the file cannot be read or holds what no turn has.
        """
        return cls(read_transcript(path), clock=clock, card=card, name=path.name)

    @property
    def card(self) -> ModelCard:
        return self._card

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """The script's answer; see `seams.Model`.

        Raises:
            ModelFailure: the one that the script names; RequestRefused where it knows no answer.
        """
        said = await self._played_turn(request) if isinstance(self._script, tuple) else self._script(request)
        if isinstance(said, ModelFailure):
            raise said
        if said.usage == Usage():
            said = replace(said, usage=_estimated(request, said))
        if notice is not None:
            notice(len(said.text))
        return said

    async def close(self) -> None:
        """Nothing is open."""

    async def _played_turn(self, request: Request) -> Answer | ModelFailure:
        for at, turn in enumerate(cast("tuple[Turn, ...]", self._script)):
            if turn.fits(request) and (turn.times is None or self._played[at] < turn.times):
                self._played[at] += 1
                if turn.seconds:
                    await self._clock.sleep(turn.seconds)
                return turn.says
        asked = " ".join(_last_user(request).split())[:120]
        return RequestRefused(f"{self._name} has no turn (left) for a request that ends with: {asked!r}")


def read_transcript(path: Path) -> tuple[Turn, ...]:
    """The turns of a transcript file, in order.

    Raises:
        ConfigRefused: see `ScriptedModel.read`.
    """
    try:
        turns = cast("Json", tomllib.loads(path.read_text("utf-8")).get("turn"))
    except (OSError, ValueError) as caught:
        raise ConfigRefused(f"{path.name} cannot be read as a transcript: {caught}") from caught
    if not isinstance(turns, list) or not turns:
        raise ConfigRefused(f"{path.name} holds no [[turn]]")
    return tuple(_turn(turn, f"{path.name}, turn {at}") for at, turn in enumerate(turns, 1))


def _turn(body: Json, where: str) -> Turn:
    if not isinstance(body, dict):
        raise ConfigRefused(f"{where}: must be a table")
    unknown = sorted(set(body) - _KEYS)
    if unknown:
        raise ConfigRefused(f"{where}: {unknown[0]!r} is unknown; there are {', '.join(sorted(_KEYS))}")
    spoken = {"answer", "text", "calls"} & set(body)
    if ("failure" in body) == bool(spoken) or {"answer", "text"} <= set(body):
        raise ConfigRefused(f"{where}: give either a failure, or an answer or text and perhaps calls")
    return Turn(
        says=_failure(body, where) if "failure" in body else _answer(body, where),
        match=_text(body, "match", where),
        system=_text(body, "system", where),
        after_tools=_count(body, "after_tools", where),
        times=_count(body, "times", where),
        seconds=_seconds(body, "seconds", where) or 0.0,
    )


def _failure(body: dict[str, Json], where: str) -> ModelFailure:
    name = _text(body, "failure", where)
    said = f"scripted {name} ({where})"
    match name:
        case "RateLimited":
            return RateLimited(said, retry_after=_seconds(body, "retry_after", where))
        case "EndpointDown":
            return EndpointDown(said, billed=body.get("billed") is True)
        case _ if name in _FINAL:
            return _FINAL[name](said)
        case _:
            raise ConfigRefused(f"{where}: no failure is called {name!r}; there are {', '.join(_FAILURES)}")


def _answer(body: dict[str, Json], where: str) -> Answer:
    text = canonical(body["answer"]).decode() if "answer" in body else _text(body, "text", where)
    calls: list[ToolCall] = []
    listed = body.get("calls", [])
    for at, call in enumerate(listed if isinstance(listed, list) else [None], 1):
        if not isinstance(call, dict) or not isinstance(name := call.get("name"), str):
            raise ConfigRefused(f"{where}: calls must be a list of tables with a name and arguments")
        arguments = call.get("arguments", {})
        written = arguments if isinstance(arguments, str) else canonical(arguments).decode()
        calls.append(ToolCall(f"call_{at}", name, written))
    finish = _text(body, "finish", where) or ("tools" if calls else "stop")
    if finish not in ("stop", "tools", "length", "refusal"):
        raise ConfigRefused(f"{where}: finish must be stop, tools, length or refusal")
    return Answer(text, _usage(body, where), tuple(calls), _text(body, "reasoning", where), finish)


def _usage(body: dict[str, Json], where: str) -> Usage:
    stated = body.get("usage", {})
    if not isinstance(stated, dict) or set(stated) - {"input", "cached", "cache_write", "output"}:
        raise ConfigRefused(f"{where}: usage has input, cached, cache_write and output")
    counts = {name: _count(stated, name, where) or 0 for name in stated}
    return Usage(
        input=counts.get("input", 0),
        cached=counts.get("cached", 0),
        cache_write=counts.get("cache_write", 0),
        output=counts.get("output", 0),
    )


def _text(body: dict[str, Json], key: str, where: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str):
        raise ConfigRefused(f"{where}: {key} must be text")
    return value


def _count(body: dict[str, Json], key: str, where: str) -> int | None:
    value = body.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ConfigRefused(f"{where}: {key} must be a whole number, 0 or more")
    return value


def _seconds(body: dict[str, Json], key: str, where: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ConfigRefused(f"{where}: {key} must be a number of seconds, 0 or more")
    return float(value)


def _last_user(request: Request) -> str:
    return next((each.text for each in reversed(request.messages) if each.role == "user"), "")


def _estimated(request: Request, said: Answer) -> Usage:
    sent = sum(len(message.text.encode()) for message in request.messages)
    written = len(said.text.encode()) + len(said.reasoning.encode())
    written += sum(len(orjson.dumps(call)) for call in said.calls)
    return Usage(input=-(-sent // 4), output=-(-written // 4), certainty=Certainty.ESTIMATED)


if TYPE_CHECKING:

    def _fits(x: ScriptedModel) -> Model:
        return x
