"""The routes of checkpoints: what they ask for, and that only an experimental engine has them."""

import json
from pathlib import Path

import pytest

from tests.unit.api_fakes import body_of, serving, status_of
from wherry.model.checkpoint import CreateOptions


async def test_calls(tmp_path: Path) -> None:
    async with serving(tmp_path) as engine:
        engine.system.experimental = True
        body = json.dumps({"CheckpointID": "ab", "checkpointdir": "/d", "Exit": True}).encode()
        head = f"POST /containers/c/checkpoints\nContent-Type: application/json\nContent-Length: {len(body)}"
        assert status_of(await engine.ask(head, body)) == 201
        assert status_of(await engine.ask("POST /containers/c/checkpoints")) == 201
        listed = await engine.ask("GET /containers/c/checkpoints?dir=/d")
        assert (status_of(listed), json.loads(body_of(listed))) == (200, [{"Name": "first"}])
        assert status_of(await engine.ask("DELETE /containers/c/checkpoints/ab?dir=/d")) == 204
        assert engine.checkpoints.calls == [
            ("create", "c", CreateOptions(id="ab", directory="/d", exit=True)),
            ("create", "c", CreateOptions()),
            ("list", "c", "/d"),
            ("remove", "c", "ab", "/d"),
        ]
        assert status_of(await engine.ask("DELETE /containers/c/checkpoints/..%2Fab")) == 301
        assert status_of(await engine.ask("POST /containers/c/start?checkpoint=ab&checkpoint-dir=/d")) == 204
        assert engine.containers.calls == [("start", "c", "ab", "/d")]


@pytest.mark.parametrize("call", ["GET /containers/c/checkpoints", "DELETE /containers/c/checkpoints/ab"])
async def test_an_engine_that_is_not_experimental(tmp_path: Path, call: str) -> None:
    async with serving(tmp_path) as engine:
        answer = await engine.ask(call)
        assert status_of(answer) == 501
        assert b"This experimental feature is disabled by default" in answer
        assert engine.checkpoints.calls == []
