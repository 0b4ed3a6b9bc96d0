"""A quote as a table for the terminal: expected, the bound that holds nine times of ten, and the cap."""

from __future__ import annotations

from rich.table import Table

from strop.reporting import percent, wave_name
from strop.types.money import dollars
from strop.types.work import Budget, Quote, Range

WITHIN = "within input"
"""Tokens from a cache count as read ones."""


def quote_table(quote: Quote, *, budget: Budget) -> Table:
    """Every figure of the quote, planner and gate included; a row of the token classes only where it says something."""
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for head in ("", "expected", "9 of 10 times under", "at most"):
        table.add_column(head, justify="left" if not head else "right")
    table.add_row("agents", f"{quote.agents:,}", "", f"{budget.agents_total:,}, {budget.agents:,} at once")
    table.add_row("steps", *_counted(quote.steps, quote.steps_p90, budget.steps))
    table.add_row("critical steps", *_counted(quote.critical_steps, quote.critical_steps_p90, budget.critical_steps))
    table.add_row("tokens", *_whole(quote.tokens), f"{quote.tokens.worst:,.0f}")
    classes = quote.classes
    for name, held, cap in (
        ("input", classes.input, _capped(budget.input_tokens)),
        ("cached", classes.cached, WITHIN if budget.input_tokens else ""),
        ("cache write", classes.cache_write, WITHIN if budget.input_tokens else ""),
        ("output", classes.output, _capped(budget.output_tokens)),
    ):
        if held.p90 or cap not in ("", WITHIN):
            table.add_row(f"  {name}", *_whole(held), cap)
    table.add_row("dollars", *(dollars(int(each)) for each in (quote.nanos.p50, quote.nanos.p90, quote.nanos.worst)))
    table.add_row("minutes", f"{quote.minutes.p50:.1f}", f"{quote.minutes.p90:.1f}", f"{quote.minutes.worst:.0f}")
    return table


def quote_basis(quote: Quote) -> str:
    """What the figures rest on, as one line; empty for a quote of an older strop."""
    return f"These figures are {quote.basis}." if quote.basis else ""


def quote_caching(quote: Quote) -> str:
    """How much of each wave's prompt the provider's cache is expected to serve, as one line; empty where nothing."""
    if not any(each.p50 for each in quote.caching):
        return ""
    shares = (
        f"{wave_name(each.wave)}: {percent(each.p50)} (9 of 10 times over {percent(each.least)})"
        for each in quote.caching
    )
    return f"prompt tokens from the provider's cache, by wave: {'; '.join(shares)}"


def _counted(p50: int, p90: int, cap: int) -> tuple[str, str, str]:
    return f"{p50:,}", f"{p90:,}" if p90 else "", f"{cap:,}"


def _capped(cap: int) -> str:
    """A cap on tokens of one class; empty where the budget names none."""
    return f"{cap:,}" if cap else ""


def _whole(held: Range) -> tuple[str, str]:
    return f"{held.p50:,.0f}", f"{held.p90:,.0f}"
