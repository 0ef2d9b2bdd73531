"""A container that asks for more memory than it may have."""

import json

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

HOG = "x=x; while :; do x=$x$x; done"


@pytest.mark.parametrize("flags", [[], ["--init"]])
def test_out_of_memory(engine: Engine, flags: list[str]) -> None:
    limits = ("-m", "16m", "--memory-swap", "16m")
    ident = engine.ok("create", *flags, *limits, IMAGE, "sh", "-c", HOG)
    with engine.popen(
        "events", "--filter", f"container={ident}", "--filter", "event=oom", "--format", "{{json .}}"
    ) as it:
        assert engine.docker("start", "-a", ident).returncode == 137
        assert it.stdout is not None
        assert json.loads(it.stdout.readline())["Action"] == "oom"
        it.kill()
    state = engine.inspect(ident)["State"]
    assert (state["OOMKilled"], state["ExitCode"], state["Status"]) == (True, 137, "exited")
