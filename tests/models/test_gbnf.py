"""Schema to grammar: what the grammar admits the validator accepts, and little is lost on the way."""

from __future__ import annotations

import json
import re
from functools import reduce
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from strop.errors import SchemaRefused
from strop.models.gbnf import MOST_ITEMS, MOST_TEXT, to_gbnf
from strop.types.schema import (
    DATE,
    DECIMAL,
    Array,
    Boolean,
    Choice,
    Field,
    Integer,
    Json,
    Number,
    Object,
    Schema,
    Text,
    validate,
)

RULE = re.compile(r"^(\w+) ::= (.*)$")
TOKEN = re.compile(
    r"""(?P<literal>"(?:[^"\\]|\\.)*")|(?P<klass>\[(?:[^\]\\]|\\.)*\])|(?P<rule>[a-z]\w*)|(?P<sign>[|()]|\{\d+,?\d*\})|\s+"""
)


def as_regex(grammar: str) -> str:
    """The grammar as a Python regular expression (ours never recur). Fails on anything not well formed."""
    rules: dict[str, str] = {}
    for line in grammar.removesuffix("\n").split("\n"):
        found = RULE.match(line)
        assert found, f"no rule: {line!r}"
        assert found[1] not in rules, f"{found[1]} stands twice"
        rules[found[1]] = found[2]

    def expand(name: str) -> str:
        body, at, out = rules[name], 0, ""
        while at < len(body):
            token = TOKEN.match(body, at)
            assert token, f"cannot read {body[at:]!r}"
            at = token.end()
            if token["literal"]:
                out += "(?:" + re.escape(re.sub(r"\\(.)", r"\1", token["literal"][1:-1])) + ")"
            elif token["rule"]:
                out += "(?:" + expand(token["rule"]) + ")"
            else:
                out += (token["klass"] or token["sign"] or "").replace("(", "(?:")
        return out

    return expand("root")


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
finite = st.floats(-1e9, 1e9, allow_nan=False)


@st.composite
def bounds(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> tuple[float | None, float | None]:
    low, high = draw(st.none() | numbers), draw(st.none() | numbers)
    return (high, low) if low is not None and high is not None and low > high else (low, high)


whole = st.integers(-(10**15), 10**15) | st.integers(-150, 150)
leaves: st.SearchStrategy[Schema] = st.one_of(
    st.builds(Text, st.integers(0, 6), nullable=st.booleans()),
    st.builds(lambda b, n: Integer(cast("int", b[0]), cast("int", b[1]), n), bounds(whole), st.booleans()),
    st.builds(lambda b, n: Number(b[0], b[1], n), bounds(finite | st.floats(-2, 2)), st.booleans()),
    st.builds(Boolean, st.booleans()),
    st.builds(Choice, st.lists(names, min_size=1, max_size=4, unique=True).map(tuple), st.booleans()),
)


def _inside(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    sizes = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(sorted)
    fields = st.dictionaries(names, inner, max_size=3)
    return st.one_of(
        st.builds(lambda s, z, n: Array(s, z[0], z[1], n), inner, sizes, st.booleans()),
        st.builds(lambda f, n: Object(tuple(Field(*each) for each in f.items()), n), fields, st.booleans()),
    )


schemas = st.recursive(leaves, _inside, max_leaves=4)


@given(schemas, st.data())
def test_what_the_grammar_admits_the_validator_accepts(schema: Schema, data: st.DataObject) -> None:
    """A string drawn from the grammar of a random schema is JSON, in one way only, and has no flaw."""
    regex = as_regex(to_gbnf(schema)).replace(r"-\uD7FF\uE000-\U0010FFFF", r"-\u017F")  # hypothesis lists every one
    text = data.draw(st.from_regex(regex, fullmatch=True))
    value = cast("Json", json.loads(text))
    assert validate(schema, value) == ()
    if not re.search(r"\d", text):  # numbers may keep a zero at the end: 1.50
        assert json.dumps(value, ensure_ascii=False, separators=(",", ":")) == text


def values(schema: Schema) -> st.SearchStrategy[Json]:
    """Values that fit the schema and keep the grammar's bounds."""
    match schema:
        case Text():
            drawn = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=schema.max_length)
        case Choice():
            drawn = st.sampled_from(schema.values)
        case Boolean():
            drawn = st.booleans()
        case Integer():
            low = schema.minimum if schema.minimum is not None else min(-(10**12) + 1, schema.maximum or 0)
            high = schema.maximum if schema.maximum is not None else max(10**12 - 1, schema.minimum or 0)
            drawn = st.integers(low, high)
        case Number():
            drawn = st.nothing()
        case Array():
            drawn = st.lists(values(schema.items), min_size=schema.min_items, max_size=schema.max_items)
        case Object():
            names = [field.name for field in schema.fields]
            drawn = st.tuples(*(values(field.schema) for field in schema.fields)).map(
                lambda each: cast("Json", dict(zip(names, each, strict=True)))
            )
    return (st.none() | drawn) if schema.nullable else drawn


@given(schemas.filter(lambda schema: "Number(" not in repr(schema)), st.data())
def test_a_value_that_fits_can_be_said(schema: Schema, data: st.DataObject) -> None:
    """Every fitting value, written compactly, is in the grammar: no bound, escape or field is lost."""
    value = data.draw(values(schema))
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert re.fullmatch(as_regex(to_gbnf(schema)), text)


@given(bounds(whole), st.integers(-160, 160) | whole)
def test_integers_are_admitted_exactly_within_their_bounds(
    limits: tuple[float | None, float | None], number: int
) -> None:
    """An integer is in the grammar when, and only when, the validator would take it (within twelve digits)."""
    schema = Integer(cast("int | None", limits[0]), cast("int | None", limits[1]))
    admitted = re.fullmatch(as_regex(to_gbnf(schema)), str(number)) is not None
    if None not in limits or abs(number) < 10**12:
        assert admitted == (validate(schema, number) == ())


@given(bounds(st.integers(-40, 40).map(lambda n: n / 8)), st.integers(-6_000, 6_000).map(lambda n: n / 1_000))
def test_thousandths_between_the_bounds_of_a_number_can_be_said(
    limits: tuple[float | None, float | None], number: float
) -> None:
    """A decimal of three places is in the grammar when, and only when, it lies within the bounds."""
    schema = Number(*limits)
    spelled = {f"{number:.3f}", repr(number), repr(number).removesuffix(".0")}
    admitted = any(re.fullmatch(as_regex(to_gbnf(schema)), each) for each in spelled)
    assert admitted == (validate(schema, number) == ())


@pytest.mark.parametrize(
    ("schema", "refused"),
    [
        (Text(pattern=r"\d+"), "pattern"),
        (Integer(3, 2), "above maximum"),
        (Number(0.5, 0.25), "above maximum"),
        (Array(Boolean(), 3, 2), "above maxItems"),
        (Array(Boolean(), MOST_ITEMS + 1, 10_000), f"at most {MOST_ITEMS}"),
        (Choice(()), "at least one"),
    ],
)
def test_a_schema_that_no_grammar_can_hold_is_refused(schema: Schema, refused: str) -> None:
    """The message names the place, so that the user finds the field."""
    with pytest.raises(SchemaRefused, match=rf"answer\.rows\[\]: .*{refused}"):
        to_gbnf(Object((Field("rows", Array(schema)),)))


@pytest.mark.parametrize(
    ("pattern", "said", "never"),
    [(DATE, "2026-11-21", "21.11.2026"), (DECIMAL, "-12.50", "12."), (DECIMAL, "7", "1e3")],
)
def test_the_patterns_of_columns_are_in_the_grammar(pattern: str, said: str, never: str) -> None:
    """Dates and decimals are held by the grammar itself, as the validator wants them."""
    schema = Text(40, pattern=pattern)
    admits = re.compile(as_regex(to_gbnf(schema)))
    assert admits.fullmatch(json.dumps(said))
    assert validate(schema, said) == ()
    assert admits.fullmatch(json.dumps(never)) is None
    assert validate(schema, never) != ()


def test_long_strings_and_lists_are_bounded() -> None:
    """Default sizes of a schema stay below what llama.cpp unrolls."""
    grammar = to_gbnf(Array(Text()))
    repeats = [int(number) for number in re.findall(r"\{0,(\d+)\}", grammar)]
    assert repeats == [MOST_TEXT, MOST_ITEMS - 1]


def test_the_grammar_is_compact_and_shares_equal_rules() -> None:
    """No blank between tokens, fields in their order, one rule for equal fields."""
    fields = (Field("rows", Integer(0, 99, nullable=True)), Field("columns", Integer(0, 99, nullable=True)))
    assert to_gbnf(Object((*fields, Field("kind", Choice(("a", 'b"')))))) == snapshot(r"""root ::= r2
r0 ::= [0-9] | [1-9] [0-9]{1} | "null"
r1 ::= "\"a\"" | "\"b\\\"\""
r2 ::= "{" "\"rows\":" r0 "," "\"columns\":" r0 "," "\"kind\":" r1 "}"
""")


def test_depth_does_not_blow_the_grammar_up() -> None:
    """Nested lists add a rule a level."""
    schema = reduce(lambda inner, _: Array(inner, 1, 5), range(7), cast("Schema", Boolean()))
    assert len(to_gbnf(schema).splitlines()) == 9
