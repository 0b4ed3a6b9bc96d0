"""The team behind the portfolio, as a script: a planner, twenty readers, and makers that cite numbered claims.

It answers from what the prompts hold and from nothing else: readers take figures out of the page that
the tool gave them, makers write from the claims they were given. Two first answers are short on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import orjson
from prepare import DECADES, KINDS, YEAR

from strop.testing.wires import Asked, Reply
from strop.types.events import ToolCall

Leaf = Mapping[str, object]
Region = Mapping[str, "Said"]

N = r"([\d,]+)"
D = r"(-?[\d.]+)"
FACTS: dict[str, tuple[str, str]] = {
    "region": ("text", r"(\w+) has [\d,]+ stations\."),
    "stations": ("integer", rf"\w+ has {N} stations\."),
    **{f"{kind}s": ("integer", rf"{N} stations of \w+ stand at {kind}s\.") for kind in KINDS},
    "mean": ("number", rf"The mean temperature of the water in \w+ is {D} degrees\."),
    "top": ("number", rf"The highest reading of \w+, {D} degrees, comes from S-\d+\."),
    "top_station": ("text", r"The highest reading of \w+, -?[\d.]+ degrees, comes from (S-\d+)\."),
    "cold": ("number", rf"The coldest water of \w+ is that of S-\d+, {D} degrees in the mean\."),
    "cold_station": ("text", r"The coldest water of \w+ is that of (S-\d+), -?[\d.]+ degrees in the mean\."),
    **{f"{kind}_mean": ("number", rf"At {kind}s of \w+ the mean is {D} degrees\.") for kind in KINDS},
    "oldest": ("text", r"The oldest station of \w+ is (S-\d+), opened in \d+\."),
    "first_year": ("integer", r"The oldest station of \w+ is S-\d+, opened in (\d+)\."),
    **{f"in_{decade}s": ("integer", rf"In the {decade}s {N} stations opened in \w+\.") for decade in DECADES},
    "since_2000": ("integer", rf"In \w+ {N} stations have opened since 2000\."),
    "altitude": ("number", rf"The stations of \w+ stand {D} metres high on average\."),
    "lowest": ("integer", rf"The lowest of \w+ stands at {N} metres\."),
    "summit": ("integer", rf"The highest station of \w+, S-\d+, stands at {N} metres\."),
    "summit_station": ("text", r"The highest station of \w+, (S-\d+), stands at [\d,]+ metres\."),
    "low_band": ("integer", rf"{N} stations of \w+ stand below 500 metres\."),
    "middle_band": ("integer", rf"{N} stations of \w+ stand from 500 to 999 metres\."),
    "high_band": ("integer", rf"{N} stations of \w+ stand at 1,000 metres or more\."),
    "low_mean": ("number", rf"The mean of \w+ below 500 metres is {D} degrees\."),
    "middle_mean": ("number", rf"The mean of \w+ from 500 to 999 metres is {D} degrees\."),
    "high_mean": ("number", rf"The mean of \w+ at 1,000 metres or more is {D} degrees\."),
    "readings": ("integer", rf"In {YEAR} the stations of \w+ took {N} readings\."),
    "resting": ("integer", rf"{N} stations of \w+ are at rest\."),
}
"""Field to (type, the sentence of a page that states it)."""
LINE = re.compile(r'(c\d+): rows\[\d+\]\.(\w+) = (.*?) -- (".*?") \((\S+)\)')
MAKERS = {
    "atlas": "atlas.pdf",
    "short": "atlas.docx",
    "charts": "charts/*.png",
    "deck": "deck.pptx",
    "site": "site/*.html",
    "tool": "tool/*.py",
}
TOOLS = Path(__file__).parent / "tool"
"""Programs that the script has the last maker answer with."""


@dataclass(frozen=True, slots=True)
class Said:
    """A numbered claim of a maker's prompt."""

    name: str
    value: object

    @property
    def number(self) -> Decimal:
        return Decimal(str(self.value))

    def __str__(self) -> str:
        if isinstance(self.value, int):
            return str(self.value) if 1900 < self.value < 2100 and self.name.endswith("y") else f"{self.value:,}"
        return str(self.value)


@dataclass(slots=True)
class Team:
    """What the server answers; `regions` are the pages that are there."""

    regions: Sequence[str]
    short_by: int
    """Sections that the first atlas leaves out."""
    slides: int
    """Slides that the first deck has of its own; the harness adds a title, what was checked, and the sources."""

    def __call__(self, asked: Asked) -> Reply:
        if "You plan the work" in asked.system:
            return said(self.plan())
        if "leaves a skill behind" in asked.system:
            return said({"description": "Makes an atlas of stations. Use when pages on regions are to become files."})
        if "You are one specialist" in asked.system:
            return read(asked)
        return said(self.made(asked))

    def plan(self) -> dict[str, object]:
        """One reader a page, and one maker a file."""
        fields = [{"name": name, "type": kind, "note": ""} for name, (kind, _) in FACTS.items()]
        common: dict[str, object] = {"steps": 4, "needs": [], "tools": [], "makes": [], "fields": []}
        tasks: list[dict[str, object]] = [
            {**common, "id": f"read-{name}", "kind": "work", "role": "reader", "goal": f"Read regions/{name}.md.",
             "tools": ["read_file"], "fields": fields}
            for name in self.regions
        ]  # fmt: skip
        needs = [task["id"] for task in tasks]
        tasks += [
            {**common, "id": f"make-{name}", "kind": "aggregate", "role": "maker", "goal": f"Make {file}.",
             "needs": needs, "makes": [file]}
            for name, file in MAKERS.items()
        ]  # fmt: skip
        return {"scope": "Figures of every region, compared.", "objections": [], "fatal": [], "tasks": tasks}

    def made(self, asked: Asked) -> dict[str, object]:
        """The answer of one maker; the atlas and the deck are short until they are told so."""
        user = next(text for role, text in asked.turns if role == "user")
        goal = re.search(r"Task: Make (\S+)\.\n", user)
        assert goal is not None, user[:500]
        notes = user.partition("What went wrong before:\n")[2].strip()
        first = notes == "none"
        regions = claims(user)
        match goal[1]:
            case "atlas.pdf":
                sections = atlas(regions)
                left_out = slice(len(sections) - 1 - self.short_by, -1)
                if first:
                    del sections[left_out]
                return {"atlas.pdf": {"sections": sections, "charts": charts(regions)}}
            case "atlas.docx":
                return {"atlas.docx": {"sections": short(regions)}}
            case "charts/*.png":
                return {"charts.png": {"charts": charts(regions)}}
            case "deck.pptx":
                missed = re.search(r"slides: expected (\d+), observed (\d+)", notes)
                more = int(missed[1]) - int(missed[2]) if missed else 0
                return {"deck.pptx": deck(regions, self.slides + more)}
            case "site/*.html":
                return {"site.html": {"sections": pages(regions)}}
            case _:
                files = [{"name": p.name, "text": p.read_text("utf-8")} for p in sorted(TOOLS.glob("*.py"))]
                return {"tool.py": {"files": files}}


def said(answer: object) -> Reply:
    return Reply(orjson.dumps(answer).decode())


def read(asked: Asked) -> Reply:
    """A reader: fetches its page by the tool, then reports every figure with the sentence that states it."""
    path = re.search(r"Read (regions/\w+\.md)\.", asked.user.partition("Task: ")[2])
    assert path is not None
    if not asked.tool_results:
        return Reply(calls=(ToolCall("call", "read_file", orjson.dumps({"path": path[1]}).decode()),))
    row: dict[str, Leaf] = {}
    for name, (kind, pattern) in FACTS.items():
        found = re.search(pattern, asked.tool_results[0])
        assert found is not None, f"{path[1]}: {name}"
        bare = found[1].replace(",", "")
        value = found[1] if kind == "text" else int(bare) if kind == "integer" else float(bare)
        row[name] = {"value": value, "source": path[1], "quote": found[0]}
    return said({"rows": [row]})


def claims(user: str) -> list[Region]:
    """The numbered claims of a maker's prompt, region by region."""
    found: list[Region] = []
    for body in re.findall(r"<result task='[^']+'>\n(.*?)\n</result>", user, re.DOTALL):
        held: dict[str, Said] = {}
        for line in body.splitlines():
            told = LINE.match(line)
            assert told is not None, line
            name, label, value, *_ = told.groups()
            held[label] = Said(name, orjson.loads(value))
        found.append(held)
    return found


# ---------------------------------------------------------------- sentences


def cite(text: str, *said: Said) -> Leaf:
    """A sentence that rests on claims."""
    return {"value": text, "source": "claim", "quote": " ".join(dict.fromkeys(each.name for each in said))}


def follow(text: str, formula: str) -> Leaf:
    """A sentence that says what a formula comes to."""
    return {"value": text, "source": "formula", "quote": formula}


def tell(form: str, region: Region) -> Leaf:
    """A sentence with `{field}` for claims, which it then rests on; figures are grouped, years are not."""
    names = list(dict.fromkeys(re.findall(r"\{(\w+)\}", form)))
    words = {name: str(region[name].value) if name == "first_year" else str(region[name]) for name in names}
    return cite(form.format(**words), *(region[name] for name in names))


def rounded(number: Decimal, places: int = 1) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def share(form: str, part: Said, whole: Said) -> Leaf:
    """A sentence with a share in percent."""
    return follow(form.format(rounded(part.number / whole.number * 100)), f"{part.name} / {whole.name}")


def total(form: str, regions: Iterable[Region], name: str) -> Leaf:
    """A sentence with the sum over all regions."""
    held = [region[name] for region in regions]
    return follow(form.format(f"{sum(each.number for each in held):,}"), folded("sum", held))


def average(form: str, regions: Sequence[Region], name: str) -> Leaf:
    """A sentence with the mean of the regions' figures."""
    held = [region[name] for region in regions]
    return follow(
        form.format(rounded(sum((each.number for each in held), Decimal(0)) / len(held), 2)), folded("mean", held)
    )


def folded(function: str, held: Sequence[Said]) -> str:
    return f"{function}({', '.join(each.name for each in held)})"


def section(heading: str, *paragraphs: Sequence[Leaf], bullets: Sequence[Leaf] = ()) -> dict[str, object]:
    return {"heading": heading, "paragraphs": list(paragraphs), "bullets": list(bullets)}


def ordered(regions: Sequence[Region], name: str) -> list[Region]:
    """The regions from the largest figure to the smallest."""
    return sorted(regions, key=lambda region: (-region[name].number, str(region["region"].value)))


# ---------------------------------------------------------------- the files


def summary(regions: Sequence[Region]) -> list[list[Leaf]]:
    """What all the files begin with."""
    warm, cold = ordered(regions, "mean")[0], ordered(regions, "mean")[-1]
    most = ordered(regions, "stations")[0]
    return [
        [
            total("The network has {} stations.", regions, "stations"),
            tell("The largest share of them is in {region}, with {stations}.", most),
            average("The regions' means come to {} degrees on average.", regions, "mean"),
        ],
        [
            tell("The warmest water is that of {region}, {mean} degrees in the mean.", warm),
            tell("The coldest is that of {region}, {mean} degrees.", cold),
            follow(
                f"Between the two lie {rounded(warm['mean'].number - cold['mean'].number, 2)} degrees.",
                f"{warm['mean'].name} - {cold['mean'].name}",
            ),
        ],
        [
            total("In the last year {} readings were taken.", regions, "readings"),
            total("At rest are {} stations.", regions, "resting"),
        ],
    ]


def compared(regions: Sequence[Region]) -> list[Leaf]:
    return [
        tell("{region}: {stations} stations, {mean} degrees in the mean, {top} at the highest.", region)
        for region in ordered(regions, "mean")
    ]


def of_region(region: Region) -> list[list[Leaf]]:
    """A region's chapter: its network, its water, its heights, its years."""
    stations = region["stations"]
    return [
        [
            tell("{region} has {stations} stations.", region),
            tell("Rivers carry {rivers} of them, lakes {lakes}.", region),
            share("That the river is the common place here shows in its share, {} %.", region["rivers"], stations),
            tell("Wells are watched at {wells} places and springs at {springs}.", region),
        ],
        [
            tell("The mean temperature of the water is {mean} degrees.", region),
            tell("Its rivers come to {river_mean} degrees and its lakes to {lake_mean}.", region),
            follow(
                "Lakes are warmer than rivers by "
                f"{rounded(region['lake_mean'].number - region['river_mean'].number, 2)} degrees.",
                f"{region['lake_mean'].name} - {region['river_mean'].name}",
            ),
            tell("Wells stay at {well_mean} degrees, springs at {spring_mean}.", region),
            tell("The highest reading, {top} degrees, was taken at {top_station}.", region),
            tell("The coldest place is {cold_station} with {cold} degrees in the mean.", region),
        ],
        [
            tell("On average the stations stand at {altitude} metres.", region),
            tell("The lowest is at {lowest} metres, the highest, {summit_station}, at {summit}.", region),
            tell("Below 500 metres there are {low_band} stations, with a mean of {low_mean} degrees.", region),
            tell("From 500 to 999 metres {middle_band} come to {middle_mean} degrees.", region),
            tell("At 1,000 metres or more {high_band} stations come to {high_mean} degrees.", region),
            follow(
                "From the lowest band to the highest the water cools by "
                f"{rounded(region['low_mean'].number - region['high_mean'].number, 2)} degrees.",
                f"{region['low_mean'].name} - {region['high_mean'].name}",
            ),
        ],
        [
            tell("The first station, {oldest}, opened in {first_year}.", region),
            tell("The 1950s brought {in_1950s} stations and the 1960s {in_1960s}.", region),
            tell("In the 1970s {in_1970s} were added, in the 1980s {in_1980s}.", region),
            tell("The 1990s brought {in_1990s}, the 2000s {in_2000s}.", region),
            tell("In the 2010s {in_2010s} opened and in the 2020s, so far, {in_2020s}.", region),
            share("Since 2000 {} % of today's stations have opened.", region["since_2000"], stations),
        ],
        [
            tell(f"The stations took {{readings}} readings in {YEAR}.", region),
            follow(
                f"That is {rounded(region['readings'].number / stations.number, 0):,} a station.",
                f"{region['readings'].name} / {stations.name}",
            ),
            tell("At rest are {resting} of its stations.", region),
        ],
    ]


def atlas(regions: Sequence[Region]) -> list[dict[str, object]]:
    """The long document: summary, comparison, a chapter a region, how it was made."""
    drawn = [str(chart["name"]) for chart in charts(regions)]
    first, rest = drawn[:4], drawn[4:]
    made = [
        {**section("Summary", *summary(regions)), "charts": first[:2]},
        {**section("Regions compared", bullets=compared(regions)), "charts": first[2:]},
    ]
    for number, region in enumerate(regions):
        shown = rest[number :: len(regions)]
        made.append({**section(str(region["region"]), *of_region(region), bullets=years_of(region)), "charts": shown})
    return [*made, {**method(regions), "charts": []}]


def years_of(region: Region) -> list[Leaf]:
    """The share of each decade, and of each band of height, in a region's stations."""
    made: list[Leaf] = []
    bands = {"low_band": "in the low band", "middle_band": "in the middle band", "high_band": "in the high band"}
    kinds = {f"{kind}s": f"at {kind}s" for kind in KINDS}
    for name, where in {**kinds, **bands}.items():
        part, whole = region[name], region["stations"]
        percent = rounded(part.number / whole.number * 100)
        made.append(follow(f"{where.capitalize()}: {part} of {whole}, {percent} %.", f"{part.name} / {whole.name}"))
    for decade in DECADES:
        part, whole = region[f"in_{decade}s"], region["stations"]
        percent = rounded(part.number / whole.number * 100)
        made.append(follow(f"Opened in the {decade}s: {part} of {whole}, {percent} %.", f"{part.name} / {whole.name}"))
    return made


def method(regions: Sequence[Region]) -> dict[str, object]:
    names = [region["region"] for region in regions]
    counts = [region["stations"] for region in regions]
    return section(
        "Method",
        [
            follow(f"The figures come from {len(names)} pages, one a region.", folded("count", names)),
            follow(f"The smallest region has {min(each.number for each in counts):,} stations.", folded("min", counts)),
            follow(f"The largest has {max(each.number for each in counts):,}.", folded("max", counts)),
        ],
    )


def short(regions: Sequence[Region]) -> list[dict[str, object]]:
    """The short form for editing."""
    body = [section(str(region["region"]), of_region(region)[1][:3]) for region in ordered(regions, "mean")[:8]]
    return [section("Summary", *summary(regions)), section("Findings", bullets=compared(regions)), *body]


def pages(regions: Sequence[Region]) -> list[dict[str, object]]:
    """The site: a page on the water, one on the network, one on the years."""
    network = [
        tell("{region}: {rivers} at rivers, {lakes} at lakes, {wells} at wells, {springs} at springs.", region)
        for region in ordered(regions, "stations")
    ]
    years = [
        tell("{region}: the first station, {oldest}, of {first_year}; {since_2000} opened since 2000.", region)
        for region in ordered(regions, "since_2000")
    ]
    return [
        section("Summary", *summary(regions)),
        section("Temperatures", bullets=compared(regions)),
        section("Network", bullets=network),
        section("Years", bullets=years),
    ]


# ---------------------------------------------------------------- charts and slides


def bars(name: str, title: str, y_title: str, regions: Sequence[Region], of: str) -> dict[str, object]:
    """A bar a region, the largest first."""
    points = [
        {"x": str(region["region"]), "y": {**cite("", region[of]), "value": region[of].value}}
        for region in ordered(regions, of)
    ]
    return chart(name, "bar", title, ("region", y_title), points)


def sums(
    name: str, kind: str, title: str, titles: tuple[str, str], regions: Sequence[Region], of: Mapping[str, str]
) -> dict[str, object]:
    """A point a field: its sum over all regions."""
    points: list[dict[str, object]] = []
    for label, each in of.items():
        held = [region[each] for region in regions]
        points.append({"x": label, "y": {**follow("", folded("sum", held)), "value": int(sum(h.number for h in held))}})
    return chart(name, kind, title, titles, points)


def chart(
    name: str, kind: str, title: str, titles: tuple[str, str], points: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    return {"name": name, "kind": kind, "title": title, "x_title": titles[0], "y_title": titles[1], "points": points}


def charts(regions: Sequence[Region]) -> list[dict[str, object]]:
    """Fourteen charts, each number of them a claim or a sum of claims."""
    heat = "degrees"
    by_region: Callable[[str, str, str, str], dict[str, object]] = lambda name, title, y, of: bars(  # noqa: E731
        name, title, y, regions, of
    )
    decades = {str(decade): f"in_{decade}s" for decade in DECADES}
    bands = {"below 500 m": "low_band", "500 to 999 m": "middle_band", "1,000 m or more": "high_band"}
    against = [
        {"x": str(region["altitude"].value), "y": {**cite("", region["mean"]), "value": region["mean"].value}}
        for region in regions
    ]
    return [
        by_region("stations", "Stations by region", "stations", "stations"),
        by_region("mean", "Mean temperature by region", heat, "mean"),
        sums("waters", "bar", "Stations by kind of water", ("water", "stations"), regions,
             {f"{kind}s": f"{kind}s" for kind in KINDS}),
        chart("height-mean", "scatter", "Mean temperature against height", ("mean altitude in metres", heat), against),
        sums("decades", "line", "Stations opened by decade", ("decade", "stations"), regions, decades),
        sums("bands", "bar", "Stations by height", ("height", "stations"), regions, bands),
        by_region("highest", "Highest reading by region", heat, "top"),
        by_region("altitude", "Mean height of stations by region", "metres", "altitude"),
        by_region("readings", f"Readings taken in {YEAR}", "readings", "readings"),
        by_region("resting", "Stations at rest by region", "stations", "resting"),
        *(by_region(f"{kind}-mean", f"Mean temperature of {kind}s", heat, f"{kind}_mean") for kind in KINDS),
    ]  # fmt: skip


def deck(regions: Sequence[Region], number: int) -> dict[str, object]:
    """The first of nine slides, six of them with a chart."""
    drawn = {str(each["name"]): each for each in charts(regions)}
    warm, first = ordered(regions, "mean"), summary(regions)
    young, top = ordered(regions, "since_2000")[0], ordered(regions, "top")
    plan: list[tuple[str, list[Leaf], str | None]] = [
        ("The network", first[0][:2], "stations"),
        ("Temperatures", first[1][:2], "mean"),
        ("Where the stations stand", [tell("{region} leads with {rivers} stations at rivers.",
                                           ordered(regions, "rivers")[0])], "waters"),
        ("Eight decades", [tell("Since 2000 most were opened in {region}: {since_2000}.", young)], "decades"),
        ("Height cools", [tell("{region} stands highest, {altitude} metres on average, at {mean} degrees.",
                               ordered(regions, "altitude")[0])], "height-mean"),
        ("Highest readings", [tell("{top_station} in {region} read {top} degrees.", top[0])], "highest"),
        ("The warmest regions", [tell("{region}: {mean} degrees, {stations} stations.", r) for r in warm[:4]], None),
        ("The coldest regions", [tell("{region}: {mean} degrees, {stations} stations.", r) for r in warm[-4:]], None),
        ("What to watch", [*first[2], average("The regions' highest readings average {} degrees.", regions, "top")],
         None),
    ]  # fmt: skip
    slides = [
        {"title": title, "bullets": lines, "chart": name, "notes": lines[:1]} for title, lines, name in plan[:number]
    ]
    return {"slides": slides, "charts": [drawn[name] for _, _, name in plan[:number] if name]}
