"""A check that no stored delivery could judge is tried again when some are stored. Pure.

It goes through the whole of its admission anew, against the flaws of the run it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from strop.checking.checks import Check, parse_check
from strop.learning.compiling import PROVED, UNTRIED, admitted, broke, fires, flaws_of
from strop.learning.corpus import Kept
from strop.types.memory import Constraint, ItemState
from strop.types.trial import Verdict


def waits(rule: Constraint) -> bool:
    """Whether it is a candidate only since there was nothing to try it on."""
    return rule.state is ItemState.CANDIDATE and bool(rule.check) and rule.reason == UNTRIED


def retried(rule: Constraint, own: Kept, *, active: Mapping[str, Check], past: Sequence[Kept]) -> Constraint:
    """The rule as it stands now: in force, still waiting, or refused for another reason.

    `own` is the run it comes from, `active` are the checks in force by the id of their rule.
    """
    check = parse_check(rule.check)
    flaws = flaws_of(Verdict(True, own.said.values, (), ()))
    caught = [flaw for flaw in flaws if fires(check, flaw, own.bundle)]
    if not caught:
        return replace(rule, reason="the flaw it comes from is not on record any more")
    trial = admitted(check, caught, clean=own.bundle, active=active, past=past)
    if trial.refused:
        return replace(rule, reason=trial.refused)
    proved = [v for v in own.bundle.values if v.field == check.field and v.standing in PROVED]
    return replace(rule, reason=f"{broke(caught, proved)}; {trial.record}", state=ItemState.ACTIVE)
