"""A model that goes wrong on purpose, and the same way every time.

Wraps any model. What happens to a call follows from (seed, request, how often it was asked), never
from a global dice: so a failing run can be run again, also with its agents in another order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING

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
from strop.seams import Answer, Clock, Model, ModelCard, Request
from strop.types.fingerprint import digest

_GARBAGE = "I am sorry, here is the JSON: {'rows': NaN, ..."


class Mishap(StrEnum):
    """What may happen to a call; each has its rate."""

    NONE = "none"
    DOWN = "down"
    """No connection; not billed."""
    LOST = "lost"
    """The model answered and was paid, the answer never came."""
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    AUTH = "auth"
    REFUSED = "refused"
    WINDOW = "window"
    CUT = "cut"
    """The stream broke off; billed."""
    GARBAGE = "garbage"
    """A good stream whose text is no JSON."""
    CLIPPED = "clipped"
    """Half the text, finish `length`."""
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of calls, from 0 to 1, one a mishap; together at most 1."""

    down: float = 0.05
    lost: float = 0.02
    rate_limited: float = 0.05
    quota: float = 0.0
    auth: float = 0.0
    refused: float = 0.0
    window: float = 0.0
    cut: float = 0.03
    garbage: float = 0.03
    clipped: float = 0.02
    late: float = 0.05

    def __post_init__(self) -> None:
        shares = [getattr(self, each.name) for each in fields(self)]
        if not all(0 <= share <= 1 for share in shares) or sum(shares) > 1 + 1e-9:
            raise ConfigRefused("rates of chaos are shares from 0 to 1, together at most 1")


NO_MISHAPS = Rates(*(0.0,) * len(fields(Rates)))


class ChaosModel:
    """`inner` with mishaps.

    Args:
        late_seconds: how long a late answer waits on `clock`.
        calm_after: from this asking of the same request on, nothing goes wrong; None: never calm.
    """

    def __init__(
        self,
        inner: Model,
        *,
        clock: Clock,
        seed: int = 7,
        rates: Rates | None = None,
        late_seconds: float = 30.0,
        retry_after: float | None = 1.0,
        calm_after: int | None = None,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._seed = seed
        self._rates = rates or Rates()
        self._late_seconds = late_seconds
        self._retry_after = retry_after
        self._calm_after = calm_after
        self._asked: Counter[str] = Counter()

    @property
    def card(self) -> ModelCard:
        return self._inner.card

    async def answer(self, request: Request, *, notice: Callable[[int], None] | None = None) -> Answer:
        """The inner model's answer, or a mishap; see `seams.Model`.

        Raises:
            ModelFailure: the inner model's, or the mishap's.
        """
        mishap = self._mishap(request)
        early = self._before(mishap)
        if early is not None:
            raise early
        if mishap is Mishap.LATE:
            await self._clock.sleep(self._late_seconds)
        answer = await self._inner.answer(request, notice=notice)
        match mishap:
            case Mishap.LOST:
                raise EndpointDown("chaos: the connection broke after the request was sent", billed=True)
            case Mishap.CUT:
                raise BadStream("chaos: the answer broke off")
            case Mishap.GARBAGE:
                return replace(answer, text=_GARBAGE, calls=(), finish="stop")
            case Mishap.CLIPPED:
                return replace(answer, text=answer.text[: len(answer.text) // 2], calls=(), finish="length")
            case _:
                return answer

    async def close(self) -> None:
        await self._inner.close()

    def _mishap(self, request: Request) -> Mishap:
        key = digest(request)
        self._asked[key] += 1
        tries = self._asked[key]
        if self._calm_after is not None and tries >= self._calm_after:
            return Mishap.NONE
        # 52 bits of the hash as a share of 1.
        draw = int(digest([self._seed, key, tries])[:13], 16) / 16**13
        for each in fields(self._rates):
            draw -= getattr(self._rates, each.name)
            if draw < 0:
                return Mishap(each.name)
        return Mishap.NONE

    def _before(self, mishap: Mishap) -> ModelFailure | None:
        """The failure that keeps the inner model from being asked."""
        match mishap:
            case Mishap.DOWN:
                return EndpointDown("chaos: connection refused", billed=False)
            case Mishap.RATE_LIMITED:
                return RateLimited("chaos: too many requests", retry_after=self._retry_after)
            case Mishap.QUOTA:
                return QuotaExhausted("chaos: no balance left")
            case Mishap.AUTH:
                return AuthRefused("chaos: wrong key")
            case Mishap.REFUSED:
                return RequestRefused("chaos: the request is wrong")
            case Mishap.WINDOW:
                return WindowExceeded("chaos: the prompt is too long")
            case _:
                return None


if TYPE_CHECKING:

    def _fits(x: ChaosModel) -> Model:
        return x
