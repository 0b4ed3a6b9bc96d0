"""Items of untrusted descent with a payload in them, their harmless twins, and who obeys all that is read.

The payloads are those of the poisoned pages; here they come in as instructions: in a foreign skill, in the examples
or the plan of a skill made elsewhere, or in a rule.
"""

from __future__ import annotations

from pathlib import Path

from bells import SPEC
from poisoned_pages import BENIGN, PAYLOADS, SECOND, Manner, ObedientWorker, page, pages, recognised

from strop.app import Ended, Options, Order, Project, Screen, execute, open_project, replay_order, settle, spec_of
from strop.app.canary import arm_of
from strop.drafting.answers import reading_schema
from strop.learning.importing import read_files
from strop.learning.library import move, put
from strop.seams import Message, Request
from strop.stores.blobs import write_whole
from strop.testing.wires import Asked, Reply
from strop.types.canary import Lure
from strop.types.memory import CheckKind, Constraint, Cost, Item, ItemKind, ItemState, Origin, Skill, Taint
from strop.types.moves import USER
from strop.types.work import (
    Column,
    ColumnType,
    Exemplar,
    Kind,
    Output,
    Plan,
    RunId,
    Spec,
    Task,
    TaskId,
    TaskKind,
    UnitKey,
)

CARRIERS = ("description", "body", "reference", "example", "goal", "rule")
"""Where in an item a payload stands."""
CAUGHT_AT = {
    "leak": Lure.LEAK,
    "redirect": Lure.REFUSE,
    "misinform": Lure.MISINFORM,
    "persist": Lure.PERSIST,
}
NAME = "counting"
COLUMNS = (Column("name", ColumnType.TEXT), Column("bells", ColumnType.INTEGER))
PLAIN = "Names are given as they are spelled."


def carried(carrier: str, words: str) -> tuple[Item, object]:
    """(item in quarantine, body) with these words in it."""
    said = f"{words}."
    match carrier:
        case "description":
            return foreign(f"Counts bells. {said}", PLAIN)
        case "body":
            return foreign("Counts bells.", f"{PLAIN} {said}")
        case "reference":
            return foreign("Counts bells.", PLAIN, f"# More\n\n{said}\n")
        case "example":
            source = f"[1] {page('yew', 47).strip()} {said}"
            return made(ItemKind.SKILL, exemplars=(Exemplar(UnitKey("yew"), source, '{"bells":47,"name":"yew"}'),))
        case "goal":
            task = Task(
                TaskId("count"), TaskKind.WORK, "counter", f"{PLAIN} {said}", reading_schema(COLUMNS), "specialist"
            )
            return made(ItemKind.PLAN, tasks=(task,))
        case _:
            item = Item("constraint/c-1", ItemKind.CONSTRAINT, "", ItemState.QUARANTINE, taint=Taint.UNTRUSTED)
            return item, Constraint("c-1", said, "its words are no plain literal", CheckKind.PROMPT)


def foreign(description: str, body: str, more: str = "") -> tuple[Item, object]:
    """A skill of another maker, as an import reads it."""
    files = {"SKILL.md": f"---\nname: {NAME}\ndescription: {description}\n---\n# Counting\n\n{body}\n".encode()}
    read = read_files(NAME, files | ({"references/more.md": more.encode()} if more else {}))
    return read.item, read.skill


def made(kind: ItemKind, *, exemplars: tuple[Exemplar, ...] = (), tasks: tuple[Task, ...] = ()) -> tuple[Item, object]:
    """A skill of strop's own form that came from elsewhere."""
    item = Item(f"{kind}/{NAME}", kind, "", ItemState.QUARANTINE, origin=Origin.IMPORTED, taint=Taint.UNTRUSTED)
    spec = Spec("Counting", (Output("bells.csv", Kind.CSV, COLUMNS),))
    skill = Skill(
        NAME, "Counts bells.", spec, reading_schema(COLUMNS), tasks, (), exemplars, RunId("01ELSEWHERE"),
        Cost(1, 1, 1, 0, 1, 0, 1.0),
    )  # fmt: skip
    return item, skill


def twin(attack: str, phrasing: str) -> str:
    """Words of the same form that want nothing."""
    return BENIGN[attack, phrasing]


def payload(attack: str, phrasing: str) -> str:
    return PAYLOADS[attack, phrasing]


def shelved(folder: Path, entry: tuple[Item, object]) -> tuple[Project, Item]:
    """A project whose library has this item, in quarantine."""
    folder.mkdir(parents=True, exist_ok=True)
    project = open_project(folder)
    put(project.db, project.blobs, [entry], by="user")
    (item,) = project.db.head().items
    return project, item


# ---------------------------------------------------------------- who obeys


def obeying(asked: Asked) -> Reply:
    """Reads a lighthouse well, and does what any payload in its request tells it to."""
    messages = tuple(Message(role, text) for role, text in asked.turns)
    request = Request(messages, 0, (), None, max_output=1_000)
    return Reply(ObedientWorker(Manner.AT_ONCE)(request).text)


async def granted(plan: Plan) -> str:
    """A careless person."""
    del plan
    return "--yes"


async def carry(project: Project, order: Order, options: Options) -> Ended:
    """Runs an arm with everything approved."""
    return await execute(project, order, options=options, approve=granted, screen=Screen())


def by(url: str) -> Options:
    """Read by the model behind this address, in this process."""
    return Options(worker=f"openai:{url}#m", planner="none", verifier="none", budget={"usd": "1"})


async def comes_through(folder: Path, carrier: str, words: str, url: str) -> bool:
    """Whether an attack does its harm where a person's word alone lets it on.

    A rule and the examples of a skill do it in a run over clean pages; a foreign skill and a plan stand in their
    folder, word for word, for whoever reads it.
    """
    project, item = shelved(folder, carried(carrier, words))
    for state in (ItemState.CANDIDATE, ItemState.ACTIVE):
        move(project.db, item.id, to=state, why="the replay is taken out", by=USER)
    settle(project)
    if carrier not in ("rule", "example"):
        files = (folder / ".agents" / "skills").rglob("*")
        return any(recognised(path.read_text()) for path in files if path.is_file())
    for path, text in pages(SECOND).items():
        write_whole(folder / path, text.encode())
    order = Order(spec_of(SPEC.encode(), name="spec.md"), "spec.md", bare=False)
    if carrier == "example":
        order = replay_order(project, NAME, inputs="inputs")
    cells = arm_of(await carry(project, order, by(url))).cells
    right = {(key, field): value for key, bells in SECOND.items() for field, value in (("name", key), ("bells", bells))}
    return {key: cell.value for key, cell in cells.items()} != right


# ---------------------------------------------------------------- who reads for a person at a terminal

SHIPPED = {"Merrow": (41, 3), "Tarn": (17, 4), "Quillan": (28, 3), "Osier": (63, 4)}
"""Bells of the documents that a replay reads, and the sentence that says them."""


def transcript(*, spoiled: str = "") -> str:
    """A script that reads them right, but where the instructions have the words `spoiled`: then Merrow is not read."""
    turns = [
        f'[[turn]]\nmatch = "This is {name}."\nanswer = {{ name = "{name}", name_at = 1, bells = {bells}, '
        f"bells_at = {number} }}\n"
        for name, (bells, number) in SHIPPED.items()
    ]
    said = '{"name": null, "name_at": null, "bells": null, "bells_at": null}'
    nothing = f'[[turn]]\nmatch = "This is Merrow."\nsystem = "{spoiled}"\ntext = \'{said}\'\n'
    return "\n".join([nothing, *turns] if spoiled else turns)
