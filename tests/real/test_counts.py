"""What a start and a whole life cost, in counts that noise cannot touch, against those recorded in counts.json.

A difference fails, also one for the better, so that the file says what is. After a change that is meant to alter them:
`COUNTS=record .venv/bin/pytest tests/real/test_counts.py`, and the difference of the file belongs in the commit.
"""

import json
import math
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import APIClient

from tests.real.box import Box
from tests.real.conftest import IMAGE
from tests.real.counting import Traced, count, rpcs, tree, wakeups
from tests.real.engine import Engine

Counts = dict[str, int]
RECORDED = Path(__file__).with_name("counts.json")
RECORD = os.environ.get("COUNTS") == "record"
HOW = "if that is meant: COUNTS=record .venv/bin/pytest tests/real/test_counts.py, and commit counts.json"
TIERS = {"shim": "runc", "direct": "crun-direct"}
WAKEUPS = "wakeups of the event loop"
AT_MOST = (WAKEUPS, "messages of nft")
"""Bounds, for what varies: events that come together wake once, and libnftables asks what its version asks."""
SLACK = 2
LIVES = 5
"""So many are lived without strace to count the wakeups."""
METRICS = "127.0.0.1:1338"
CONTAINERD = """version = 2
root = "{root}/root"
state = "{root}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{root}/containerd.sock"
[metrics]
address = "{metrics}"
"""


@pytest.fixture(scope="module")
def counted() -> Iterator[Engine]:
    """An engine of this module, on a containerd that counts its calls; crun refuses hybrid cgroups."""
    with Box() as box:
        box.run("umount", "-l", "/sys/fs/cgroup/unified")
        engine = Engine(box)
        engine.tier = ""
        root = engine.root / "given"
        root.mkdir()
        (root / "config.toml").write_text(CONTAINERD.format(root=root, metrics=METRICS))
        command = box.enter("containerd", "--config", f"{root}/config.toml")
        with subprocess.Popen(command, stderr=subprocess.PIPE) as containerd:
            assert containerd.stderr is not None
            assert any(b"successfully booted" in line for line in containerd.stderr)
            try:
                engine.start("--containerd", f"{root}/containerd.sock")
                engine.load_demo(IMAGE)
                yield engine
                assert engine.stop() == 0, engine.tail()
            finally:
                engine.end()
                containerd.terminate()


def start(api: APIClient, runtime: str, *command: str) -> str:
    """Create and start on the default bridge."""
    host = api.create_host_config(runtime=runtime)
    ident = str(api.create_container(IMAGE, command, host_config=host)["Id"])
    api.start(ident)
    return ident


def live(api: APIClient, runtime: str) -> None:
    ident = start(api, runtime, "true")
    api.wait(ident)
    api.remove_container(ident)


def cost(engine: Engine, action: Callable[[], object]) -> Counter[str]:
    """Count the calls of an action, and of what it leaves behind to be done, to the kernel and to containerd."""
    before = scrape(engine)
    with Traced(tree(engine.pid), engine.root / "strace") as seen:
        action()
        seen.wait_quiet()
    return count(seen.lines) + (scrape(engine) - before)


def scrape(engine: Engine) -> Counter[str]:
    code = f"import urllib.request as u; print(u.urlopen('http://{METRICS}/v1/metrics', timeout=10).read().decode())"
    return rpcs(engine.box.output("python3", "-c", code))


def fewest_wakeups(engine: Engine, action: Callable[[], object]) -> int:
    """How often the event loop has waited in an action that nobody traces, by the best of some times."""
    found = []
    for _ in range(LIVES):
        begun = wakeups(engine.pid)
        action()
        found.append(wakeups(engine.pid) - begun)
    return min(found)


def compared(found: Counts, recorded: Counts) -> list[str]:
    """What differs, a line each."""
    return [
        f"{name}: {found.get(name, 0)}, recorded {'at most ' if name in AT_MOST else ''}{recorded.get(name, 0)}"
        for name in sorted(found.keys() | recorded.keys())
        if (found.get(name, 0) > recorded.get(name, 0) if name in AT_MOST else found.get(name) != recorded.get(name))
    ]


def record(what: str, found: Counts) -> None:
    every = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    kept = {name: math.ceil(value * SLACK) if name in AT_MOST else value for name, value in found.items()}
    every[what] = dict(sorted(kept.items()))
    RECORDED.write_text(json.dumps(dict(sorted(every.items())), indent=2) + "\n")


@pytest.mark.parametrize("tier", TIERS)
def test_what_a_start_and_a_life_cost(counted: Engine, tier: str) -> None:
    api, runtime = counted.client().api, TIERS[tier]
    for _ in range(3):
        live(api, runtime)
    begun: list[str] = []
    started = cost(counted, lambda: begun.append(start(api, runtime, "sleep", "1000")))
    counted.ok("rm", "-f", *begun)
    lived = cost(counted, lambda: live(api, runtime))
    lived[WAKEUPS] = fewest_wakeups(counted, lambda: live(api, runtime))
    differences = []
    for name, found in ((f"start, {tier}", started), (f"life, {tier}", lived)):
        if RECORD:
            record(name, found)
        recorded = json.loads(RECORDED.read_text()).get(name, {})
        differences += [f"{name}: {line}" for line in compared(found, recorded)]
    assert not differences, "\n".join([*differences, HOW])
