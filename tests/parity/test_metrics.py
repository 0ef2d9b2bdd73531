"""The metrics of a dockerd and of this engine: which there are, of which types, with which labels.

Both serve them at METRICS in their host's network, where a container reads them. A peer that does not is skipped: start
it with `--metrics-addr 127.0.0.1:9323`.
"""

import os
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.parity.conftest import METRICS
from tests.parity.side import IMAGE, LABEL, Side

if not os.environ.get("PEER"):
    pytest.skip("PEER=unix://… of a dockerd 28 is not set", allow_module_level=True)

NOT_COMPARED = ("swarm_", "etcd_", "go_", "process_", "promhttp_", "wherry_")
"""Of the swarm, of the Go runtime, of a process as the library of each side describes it, and ours."""
WORDS = frozenset({"action", "state", "reason", "function"})
"""Labels whose values are Docker's; those of the others describe the machine."""


def scrape(side: Side) -> str:
    """Return the text of the metrics after a life and questions on the host; empty for none."""
    side.docker("run", "--rm", "--label", LABEL, "--health-cmd", "true", IMAGE, "true")
    for question in ("info", "version"):
        side.docker(question)
    read = ("wget", "-q", "-O", "-", f"http://{METRICS}/metrics")
    done = side.docker("run", "--rm", "--label", LABEL, "--network", "host", IMAGE, *read)
    return "\n".join(map(str, done["out"])) + "\n"


def describe(text: str) -> dict[str, Any]:
    """Return type, help and series of each metric; which actions on images there were is an engine's past."""
    found: dict[str, Any] = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith(NOT_COMPARED) or family.name == "engine_daemon_image_actions_seconds":
            continue
        series = {(sample.name, *sorted(map(_label, sample.labels.items()))) for sample in family.samples}
        found[family.name] = (family.type, family.documentation, series)
    return found


def _label(label: tuple[str, str]) -> tuple[str, str | float]:
    """Go writes the bound 1 where Python writes 1.0."""
    name, value = label
    return name, float(value) if name == "le" else value if name in WORDS else ""


def test_names_types_and_labels(peer: Side, ours: Side) -> None:
    texts = [scrape(side) for side in (peer, ours)]
    if not texts[0].strip():
        pytest.skip(f"the peer serves no metrics at {METRICS}")
    theirs, own = map(describe, texts)
    assert own.keys() == theirs.keys()
    for name, described in theirs.items():
        assert (name, *own[name]) == (name, *described)
