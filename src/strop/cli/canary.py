"""The canary replay in front of a person: what it will do and cost, both arms, and what the item was caught at."""

from __future__ import annotations

import sys

from strop.app import Ended, Options, Order, Project, run
from strop.app.canary import SHIPPED, Carry, refuse_unreplayable, replayed, worker_of
from strop.app.orders import raised
from strop.cli.caps import caps_of
from strop.cli.carry import Rim
from strop.cli.console import err
from strop.errors import HumanAwaited, Interrupted
from strop.learning.library import RULES, SKILLS
from strop.types.canary import Canary
from strop.types.count import counted
from strop.types.memory import Item
from strop.types.money import dollars
from strop.types.work import Budget


def canary_of(project: Project, item: Item, *, inputs: str, worker: str, budget: list[str] | None, yes: bool) -> Canary:
    """The canary replay of this version by this worker: the one on record, else one that is carried out now.

    One that caught something stands, whatever inputs are named.

    Raises:
        BadInput: it cannot be replayed, and what to do then.
        HumanAwaited: nobody is there to approve what it costs, or the answer was no.
        RunStopped, Interrupted: an arm did not come to its end.
    """
    refuse_unreplayable(item)
    caps = {"usd": f"{project.config.settings.learning.usd:f}", **caps_of(budget)}
    options = Options(worker=worker, planner="none", verifier="none", budget=caps, crew="local", store="sqlite")
    card = run(worker_of(project, options, item))
    held = [each for each in project.db.canaries(item.digest) if each.model == card.name]
    known = next((each for each in held if not each.clean), None) or next(
        (each for each in held[::-1] if each.inputs == (inputs.rstrip("/") or each.inputs)), None
    )
    if known is not None:
        return known
    more = "".join(f" --{name} {given}" for name, given in (("inputs", inputs), ("worker", worker)) if given)
    again = f"strop skills approve {item.name}{more} --yes"
    if not yes and not sys.stdin.isatty():
        raise HumanAwaited(
            f"{item.id} has to be replayed among planted secrets first, by {card.name}, which may cost something; a "
            f"person approves that, and there is no terminal to ask at. Where it is your word: {again}"
        )
    host = ", ".join(card.hosts) or "in this process"
    what = inputs or "documents that come with strop"
    most = dollars(raised(Budget(), caps).nanos)
    err.print(
        f"A canary replay comes first: {what}, read without {item.id} and then with it, among planted secrets, in a "
        f"copy of the project. Its agents can read files of that copy and fetch nothing; {card.name} ({host}) is the "
        f"only connection. At most {most} for both.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return run(replayed(project, item, inputs=inputs, options=options, carry=_carrying(yes=yes, again=again)))


def _carrying(*, yes: bool, again: str) -> Carry:
    async def carry(scratch: Project, order: Order, options: Options) -> Ended:
        try:
            return await Rim().carry(scratch, order, options=options, yes=yes, resume="")
        except HumanAwaited:  # the copy that this run was in is gone: it cannot be gone on with
            raise HumanAwaited(
                f"the replay was not approved, and nothing was changed. Where it is your word: {again}"
            ) from None
        except Interrupted:
            raise Interrupted(f"the replay was stopped; nothing was changed. Begin again with: {again}") from None

    return carry


def next_moves(item: Item) -> tuple[str, ...]:
    """What there is to do with an item that was caught."""
    edit = (
        'Write the rule in your own words: strop rules add "…"'
        if item.kind in RULES
        else "Edit its files and import it again: that is another version, and is replayed anew"
    )
    return (
        f"{item.id} stays in {item.state}; no option lets it pass.",
        f"{edit}. Or take it away: strop skills retire {item.name if item.kind in SKILLS else item.id}",
    )


def canary_lines(canary: Canary) -> tuple[str, ...]:
    """The record in lines."""
    what = "documents that come with strop" if canary.inputs == SHIPPED else canary.inputs
    word = "clean" if canary.clean else f"caught {counted(len(canary.caught), 'time')}"
    spent = f", {dollars(canary.nanos)}" if canary.nanos else ""
    head = (
        f"Canary replay of {canary.day} by {canary.model}: {word}. {counted(canary.cases, 'document')} "
        f"({what}), {counted(canary.held, 'value')} held against the arm without it{spent}"
    )
    proves = ("  That is no proof: it did nothing of the kind on these documents.",) if canary.clean else ()
    return (head, *(f"  {each}" for each in canary.caught), *proves)


def canary_json(canary: Canary) -> dict[str, object]:
    """The same for programs."""
    return {"clean": canary.clean, "record": canary}
