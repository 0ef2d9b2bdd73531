"""The routes of volumes: what of a request reaches the verbs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.api_fakes import Engine, body_of, serving, status_of
from wherry.model.volume import CreateOptions


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with serving(tmp_path) as found:
        yield found


async def post(engine: Engine, path: str, body: bytes = b"") -> bytes:
    kind = "Content-Type: application/json\n" if body else ""
    return await engine.ask(f"POST {path}\n{kind}Content-Length: {len(body)}", body)


async def test_create(engine: Engine) -> None:
    body = b'{"Name":"data","Driver":"local","DriverOpts":{"type":"nfs"},"Labels":{"a":"b"}}'
    assert status_of(await post(engine, "/volumes/create", body)) == 201
    assert status_of(await post(engine, "/volumes/create")) == 201
    asked = CreateOptions(name="data", driver="local", driver_opts={"type": "nfs"}, labels={"a": "b"})
    assert engine.volumes.calls == [("create", asked), ("create", CreateOptions())]


async def test_create_refuses(engine: Engine) -> None:
    answer = await post(engine, "/volumes/create", b'{"Name":5}')
    text = b"invalid JSON: json: cannot unmarshal number into Go struct field CreateOptions.Name of type string"
    assert (status_of(answer), text in body_of(answer)) == (400, True)
    answer = await post(engine, "/volumes/create", b'{"Name":"data","ClusterVolumeSpec":{}}')
    assert (status_of(answer), b"not a swarm manager" in answer) == (503, True)
    assert engine.volumes.calls == []


async def test_the_others(engine: Engine) -> None:
    for method, path, status in (
        ("GET", '/volumes?filters={"name":["a"]}', 200),
        ("GET", "/volumes/data", 200),
        ("DELETE", "/volumes/data?force=1", 204),
    ):
        assert status_of(await engine.ask(f"{method} {path}")) == status
    assert engine.volumes.calls == [("list", {"name": ["a"]}), ("inspect", "data"), ("remove", "data", True)]


async def test_prune_took_named_ones_along_until_1_41(engine: Engine) -> None:
    for version in ("1.41", "1.42"):
        assert status_of(await post(engine, f"/v{version}/volumes/prune")) == 200
    assert engine.volumes.calls == [("prune", {"all": ["true"]}), ("prune", {})]


async def test_updating_is_for_cluster_volumes(engine: Engine) -> None:
    answer = await engine.ask("PUT /volumes/data\nContent-Length: 0")
    assert status_of(answer) == 503
    assert b"volume update only valid for cluster volumes, but swarm is unavailable" in answer
