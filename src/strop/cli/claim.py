"""One claim as a person reads it: the value, how it stands, and the words, call or formula below it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from strop.app import Found
from strop.checking.claims import Passage, Resolved
from strop.reporting import moment
from strop.types.content import Standing
from strop.types.trial import Claim, SourceRead

_COLOURS = {
    Standing.ACCEPTED: "green",
    Standing.CORRECTED: "green",
    Standing.UNVERIFIED: "yellow",
    Standing.REFUTED: "red",
}
_MOST = 40
"""Claims below a derived one that are shown; the JSON has all."""


def show_claim(console: Console, found: Found) -> None:
    """The whole chain, from the value down to the words of sources."""
    top = found.resolved
    claim, value = top.claim, top.value
    standing = value.standing if value else None
    word = f"[{_COLOURS.get(standing, 'default')}]{standing}[/]" if standing else "not judged by itself"
    shown = claim.value if value is None or value.value is None else value.value
    console.print(
        f"[bold]{escape(claim.row)} {escape(claim.field)}[/bold] = {escape(_said(shown))}  {word}", highlight=False
    )
    if found.place:
        console.print(f"  at {escape(found.place)}", highlight=False, soft_wrap=True)
    if value is not None and value.said is not None:
        console.print(f"  what was said: {escape(_said(value.said))}", highlight=False)
    for reason in value.reasons if value else ():
        console.print(f"  - {escape(reason)}", highlight=False)
    _below(console, top, 2, left=[_MOST])
    others = [each for each in value.claims if each.id != claim.id and each.id not in claim.rests] if value else []
    for other in others if not claim.rests else ():
        console.print(f"  also {other.id}: {_who(other)} said {escape(_said(other.value))}", highlight=False)


def _below(console: Console, one: Resolved, indent: int, *, left: list[int], name: str = "") -> None:
    claim = one.claim
    pad = (0, 0, 0, indent)
    head = f"{name} = {escape(_said(claim.value))}, claim {claim.id}" if name else f"claim {claim.id}"
    console.print(Padding(f"{head}, {_who(claim)}", pad), highlight=False)
    inner = (0, 0, 0, indent + 2)
    if claim.formula:
        console.print(
            Padding(f"follows from {escape(claim.formula)} = {escape(_said(one.recomputed))}", inner), highlight=False
        )
    elif claim.rests:
        console.print(Padding(f"rests on {len(claim.rests)} claims", inner), highlight=False)
    elif claim.locator:
        again = f" = {_said(one.recomputed)} when asked again" if not one.flaw else ""
        console.print(Padding(escape(f"{claim.locator}{again}"), inner), highlight=False)
    if not claim.rests:
        console.print(Padding(_source(claim, one.read), inner), highlight=False)
    if one.passage is not None:
        console.print(Padding(Panel(_marked(one.passage), title=_span(claim), title_align="left", expand=False), inner))
    if one.flaw:
        console.print(Padding(f"[red]{escape(one.flaw)}[/red]", inner), highlight=False)
    for number, each in enumerate(one.rests, start=1):
        left[0] -= 1
        if left[0] < 0:
            console.print(
                Padding(f"and {len(one.rests) - number + 1} more; --json has them all", inner), highlight=False
            )
            return
        _below(console, each, indent + 4, left=left, name=f"c{number}")


def _source(claim: Claim, read: SourceRead | None) -> str:
    when = f", read {moment(read.at)}" if read is not None and read.at else ""
    mark = f", SHA-256 {claim.source_hash[:16]}…" if claim.source_hash else ""
    return escape(f"{claim.source or 'no source'}{mark}{when}")


def _span(claim: Claim) -> str:
    return f"characters {claim.span[0]:,} to {claim.span[1]:,}" if claim.span else ""


def _marked(passage: Passage) -> Text:
    text = Text(("…" if passage.start > len(passage.before) else "") + passage.before, style="dim")
    text.append(passage.quote, style="bold black on yellow not dim")
    text.append(passage.after)
    return text


def _who(claim: Claim) -> str:
    if claim.rests:
        return f"by {claim.task}"
    return f"by reader {claim.reader}" if claim.reader else "by a tool" if claim.locator else f"by {claim.task}"


def _said(value: object) -> str:
    return repr(value)


def claim_json(found: Found) -> dict[str, object]:
    """The same as one JSON object."""
    value = found.resolved.value
    return {
        "place": found.place,
        "value": value.value if value else found.resolved.claim.value,
        "standing": value.standing if value else None,
        "reasons": value.reasons if value else (),
        "said": value.said if value else None,
        **_json(found.resolved),
    }


def _json(one: Resolved) -> dict[str, object]:
    claim, read = one.claim, one.read
    return {
        "id": claim.id,
        "claim": claim,
        "source": {
            "path": claim.source,
            "sha256": claim.source_hash,
            "span": claim.span,
            "read": moment(read.at) if read is not None and read.at else None,
        },
        "passage": one.passage,
        "recomputed": one.recomputed,
        "flaw": one.flaw,
        "rests": [_json(each) for each in one.rests],
    }
