"""What image calls ask of the verbs, and what each API version is shown."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.api_fakes import Engine, body_of, serving


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with serving(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("version", "wishes"),
    [("1.41", (False, False)), ("1.42", (True, False)), ("1.46", (True, False)), ("1.47", (True, True))],
)
async def test_what_a_list_may_be_asked_for(engine: Engine, version: str, wishes: tuple[bool, bool]) -> None:
    await engine.ask(f"GET /v{version}/images/json?shared-size=1&manifests=true")
    assert engine.images.wishes == wishes
    await engine.ask(f"GET /v{version}/images/json?shared-size=0")
    assert engine.images.wishes == (False, False)


@pytest.mark.parametrize(("version", "found"), [("1.40", ["b", "a"]), ("1.41", ["b"])])
async def test_the_old_filter_is_a_reference(engine: Engine, version: str, found: list[str]) -> None:
    await engine.ask(f'GET /v{version}/images/json?filter=a&filters={{"reference":["b"]}}')
    assert engine.images.filters == {"reference": found}


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("1.43", {"Created", "VirtualSize"}),
        ("1.44", set()),
        ("1.47", set()),
        ("1.48", {"Descriptor", "Manifests"}),
        ("1.51", {"Descriptor", "Manifests"}),
    ],
)
async def test_what_inspect_shows(engine: Engine, version: str, more: set[str]) -> None:
    answer = await engine.ask(f"GET /v{version}/images/a/json?manifests=1")
    assert json.loads(body_of(answer)).keys() == {"Id", "Size", "Config"} | more
    plain = json.loads(body_of(await engine.ask(f"GET /v{version}/images/a/json")))
    assert "Manifests" not in plain
