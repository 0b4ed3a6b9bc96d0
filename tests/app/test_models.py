"""How a role's words become a model: which are shared out, over what, and who is on the list of egress."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strop.app.parts import binding_of, build_model
from strop.app.project import Project, open_project
from strop.errors import MissingPart
from strop.seams import Message, Request
from strop.swarm.endpoints.pool import Pool
from strop.testing.server import TestServer
from strop.testing.wires import Reply

pytestmark = pytest.mark.anyio

MINE = """
[models.mine]
wire = "openai"
id = "m"
base_url = "http://10.0.0.1:8000/v1"
window = 1000
output = 100
keys = ["MINE"]
endpoints = [{ keys = ["A", "B"] }, { base_url = "http://10.0.0.2:8000/v1" }]
[limits]
own_concurrency = 7
"""


def project(folder: Path, toml: str = "", **environment: str) -> Project:
    (folder / "strop.toml").write_text(toml)
    return open_project(folder, environment=environment)


async def test_two_locators_in_one_role_share_out_the_calls(tmp_path: Path) -> None:
    """Over real HTTP: both servers get their part, and both stand on the plan's list of egress."""
    async with TestServer(lambda asked: Reply("a")) as one, TestServer(lambda asked: Reply("b")) as two:
        locator = f"openai:{one.chat_url}#m,openai:{two.chat_url}#m"
        model = build_model(project(tmp_path), locator)
        try:
            binding = binding_of("worker", model.card)
            assert binding.model == locator, "a run that goes on finds the same pool"
            assert binding.hosts == (one.host, two.host)
            request = Request((Message("user", "hello"),))
            answers = await asyncio.gather(*(model.answer(request) for _ in range(60)))
            assert {answer.text for answer in answers} == {"a", "b"}
        finally:
            await model.close()
    assert min(len(server.bill.entries) for server in (one, two)) > 15


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"A": "x"}, ["10.0.0.1:8000"]),
        ({"B": "x", "MINE": "y"}, ["10.0.0.1:8000 (1 of 2)", "10.0.0.2:8000 (2 of 2)"]),
        ({"A": "x", "B": "y"}, ["10.0.0.1:8000 (1 of 2)", "10.0.0.1:8000 (2 of 2)"]),
    ],
)
async def test_each_key_that_is_there_is_an_endpoint(
    tmp_path: Path, environment: dict[str, str], names: list[str]
) -> None:
    """The list of egress is the same whichever keys a machine holds."""
    model = build_model(project(tmp_path, MINE, **environment), "mine")
    assert isinstance(model, Pool)
    assert [each.name for each in model.stats()] == names
    assert {each.window for each in model.stats()} == {7}
    assert model.card.hosts == ("10.0.0.1:8000", "10.0.0.2:8000")
    await model.close()


async def test_without_any_key_all_are_named(tmp_path: Path) -> None:
    """Setting one of them is enough."""
    with pytest.raises(MissingPart, match="A or B or MINE"):
        build_model(project(tmp_path, MINE), "mine")


async def test_what_stays_in_the_process_is_not_shared_out(tmp_path: Path) -> None:
    """A scripted model answers itself; a single remote one is in a pool too, of one."""
    (tmp_path / "script.toml").write_text('[[turn]]\ntext = "hello"\n')
    assert not isinstance(build_model(project(tmp_path), "scripted:script.toml"), Pool)
    single = build_model(project(tmp_path), "openai:http://127.0.0.1:9/v1#m")
    assert isinstance(single, Pool)
    assert [each.name for each in single.stats()] == ["127.0.0.1:9"]
    await single.close()
