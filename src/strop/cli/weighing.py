"""What a trial said of a skill, as a person reads it and for machines: pairs, effect, E, the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from strop.app.ratchet import Weighed
from strop.app.trials import Trial
from strop.learning.alpha import HARM
from strop.learning.evalues import interval
from strop.learning.lifecycle import SHELVED
from strop.types.evidence import Certificate, Pair
from strop.types.memory import USED


def show_weighed(console: Console, weighed: Weighed, *, trial: Trial | None = None) -> None:
    """The certificate as a table, and the state in a sentence."""
    table = Table(title=weighed.item.id, title_justify="left", box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for row in certificate_rows(weighed.certificate, trial=trial):
        table.add_row(*row)
    console.print(table)
    console.print(state_line(weighed), highlight=False, markup=False, soft_wrap=True)


def certificate_rows(held: Certificate, *, trial: Trial | None = None) -> Iterator[tuple[str, str]]:
    """(figure, value), a row each."""
    if trial is not None and len(trial.pairs) != held.cases:
        yield "pairs of this trial", _pairs_line(trial.pairs)
    even = held.cases - held.won - held.lost
    yield "pairs", f"{held.cases}: {held.won} won, {held.lost} lost, {even} even"
    yield "effect", f"{held.effect:+.3f} (95 % {held.low:+.3f} to {held.high:+.3f})"
    yield "cost with it", "nothing was paid on either side" if held.cost is None else f"{held.cost:.2f} of that without"
    yield "E of better", f"{held.e_better:,.2f}; had to reach {held.threshold:,.0f}"
    yield "E of worse", f"{held.e_worse:,.2f}; puts away at {HARM:g}"
    yield "measured", f"{held.day}, {held.model}: {held.scorer}"


def _pairs_line(pairs: Sequence[Pair]) -> str:
    if not pairs:
        return "none"
    won, lost = sum(pair.won for pair in pairs), sum(pair.lost for pair in pairs)
    differences = [pair.challenger - pair.baseline for pair in pairs]
    low, high = interval(differences)
    mean = sum(differences) / len(differences)
    return f"{len(pairs)}: {won} won, {lost} lost; effect {mean:+.3f} (95 % {low:+.3f} to {high:+.3f})"


def state_line(weighed: Weighed) -> str:
    """What became of the item, in a sentence."""
    item, why = weighed.item, weighed.why
    if item.state in SHELVED:
        return f"{item.id} is in {item.state}: {why}."
    if item.state not in USED:
        return f"{item.id} is not admitted yet: {why}. It stays a {item.state} and keeps its evidence."
    if weighed.before in USED:
        return f"{item.id} stays {item.state}: {why}."
    return f"{item.id} is admitted ({item.state}): {why}."


def weighed_json(weighed: Weighed) -> dict[str, object]:
    """The same for machines."""
    return {
        "id": weighed.item.id,
        "before": weighed.before,
        "state": weighed.item.state,
        "why": weighed.why,
        "certificate": weighed.certificate,
    }


def trial_json(trial: Trial) -> dict[str, object]:
    """Both arms' runs, and the pairs that they made."""
    return {"with_it": trial.with_it.run, "without": trial.without.run, "pairs": trial.pairs}
