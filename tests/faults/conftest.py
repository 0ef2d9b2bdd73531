"""One engine for all cells, the slice of them that a plain run takes, and the table of results.

Every error, cancellation and kill of the daemon runs always; of the cells marked `slice` one in SLICES, chosen by the
commit, so that another commit takes others. `FAULTS=all` (`make faults`) runs every cell.
"""

import hashlib
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.real.box import Box
from tests.real.engine import Engine
from tests.real.leaks import Look, look

IMAGE = "busybox"
SLICES = 8
RESULTS = pytest.StashKey[dict[str, dict[tuple[str, str], str]]]()


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box() as box:
        yield box


@pytest.fixture(scope="module")
def engine(box: Box) -> Iterator[Engine]:
    """One engine, killed and started anew with a fault of its own for each case; its containerd lives on."""
    engine = Engine(box, "faults").start()
    try:
        engine.load_demo(IMAGE)
        engine.ok("run", "--rm", IMAGE, "true")
        engine.ok("volume", "create", "whole")
        engine.ok("network", "create", "back")
        yield engine
    finally:
        engine.end()


@pytest.fixture
def clean(engine: Engine) -> Look:
    """The look of an engine at rest."""
    if not engine.running:
        engine.start()
    return look(engine)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = defaultdict(dict)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("FAULTS") == "all":
        return
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    left = [item for item in items if item.get_closest_marker("slice") and not _chosen(commit, item.nodeid)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def _chosen(commit: str, name: str) -> bool:
    return int.from_bytes(hashlib.sha256(f"{commit} {name}".encode()).digest()[:4]) % SLICES == 0


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    spec = getattr(item, "callspec", None)
    if spec is None or not (report.when == "call" or report.failed):
        return
    rest = dict(spec.params)
    point = str(rest.pop("point", rest.pop("step", "")))
    column = "-".join(str(value) for value in rest.values()) or "result"
    name = item.nodeid.partition("[")[0].rpartition("::")[2]
    item.config.stash[RESULTS][name][point, column] = "ok" if report.passed else report.outcome.upper()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a table per test: point by fault."""
    if os.environ.get("FAULTS") != "all":
        return
    for name, cells in config.stash[RESULTS].items():
        columns = list(dict.fromkeys(column for _, column in cells))
        terminalreporter.write_line(f"\n{name:24} " + " ".join(f"{column:>14}" for column in columns))
        for point in dict.fromkeys(point for point, _ in cells):
            results = (cells.get((point, column), "") for column in columns)
            terminalreporter.write_line(f"{point:24} " + " ".join(f"{result:>14}" for result in results))
