import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.test_main_system import HOST
from wherry.host.cgroups import Cgroups, Mode
from wherry.main import doctor
from wherry.main.client import Client
from wherry.main.doctor import Finding, State

FULL = frozenset({"memory", "pids", "cpu"})


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (doctor.check_user(0), State.OK),
        (doctor.check_user(1000), State.WARN),
        (doctor.check_kernel(HOST), State.OK),
        (doctor.check_kernel(replace(HOST, kernel="5.4.0")), State.FAIL),
        (doctor.check_overlay(["nodev\ttmpfs", "nodev\toverlay"]), State.OK),
        (doctor.check_overlay(["nodev\ttmpfs"]), State.FAIL),
        (doctor.check_cgroups(Cgroups(Mode.V2, FULL)), State.OK),
        (doctor.check_cgroups(Cgroups(Mode.V2, FULL - {"pids"})), State.WARN),
        (doctor.check_cgroups(Cgroups(Mode.NONE, frozenset())), State.FAIL),
        (doctor.check_seccomp(replace(HOST, seccomp=False)), State.WARN),
        (doctor.check_containerd("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1\n"), State.OK),
        (doctor.check_containerd("containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7\n"), State.OK),
        (doctor.check_containerd("containerd containerd.io 1.4.13 9cc61520\n"), State.FAIL),
        (doctor.check_containerd(""), State.FAIL),
        (doctor.check_shim(None), State.FAIL),
        (doctor.check_runtime("runc version 1.1.5\n", "crun version 1.8.1\n"), State.OK),
        (doctor.check_runtime("", "crun version 1.8.1\n"), State.FAIL),
        (doctor.check_init(""), State.WARN),
        (doctor.check_nftables(False), State.FAIL),
        (doctor.check_forwarding(False), State.WARN),
        (doctor.check_bridge([], False), State.OK),
        (doctor.check_bridge(["wherry:an-id"], True), State.OK),
        (doctor.check_bridge([], True), State.WARN),
        (doctor.check_bridge(["other"], True), State.WARN),
    ],
)
def test_findings(finding: Finding, state: State) -> None:
    assert finding.state is state
    assert bool(finding.remedy) == (state is not State.OK)


def test_the_version_of_containerd_is_shown() -> None:
    assert doctor.check_containerd("containerd x/v2 v2.1.4 75cb2b7").fact == "v2.1.4"


MOUNTS = [
    "22 1 8:1 / / rw - overlay overlay rw",
    "23 22 8:2 / /var/lib rw - ext4 /dev/sda2 rw",
    "24 22 8:3 / /var/library rw - xfs /dev/sda3 rw",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/wherry", "ext4"), ("/var/lib", "ext4"), ("/var/library/x", "xfs"), ("/srv", "overlay")],
)
def test_filesystem_of(path: str, kind: str) -> None:
    assert doctor.filesystem_of(path, MOUNTS) == kind


def test_data_root_on_overlay(tmp_path: Path) -> None:
    mounts = [f"22 1 8:1 / {tmp_path} rw - overlay overlay rw"]
    assert doctor.check_data_root(str(tmp_path / "not/yet"), mounts).state is State.FAIL
    assert doctor.check_disk(str(tmp_path / "not/yet")).topic == "disk"


def test_no_engine(tmp_path: Path) -> None:
    client = Client(f"unix://{tmp_path}/none.sock")
    assert doctor.check_engine(client).state is State.WARN
    (tmp_path / "none.sock").touch()
    assert doctor.check_engine(client).state is State.FAIL


def test_a_socket_that_a_killed_engine_left(tmp_path: Path) -> None:
    path = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    found = doctor.check_engine(Client(f"unix://{path}"))
    assert (found.state, "nobody listens" in found.fact) == (State.WARN, True)


def test_report(tmp_path: Path) -> None:
    lines: list[str] = []
    status = doctor.run(f"unix://{tmp_path}/none.sock", str(tmp_path), lines.append)
    assert lines[-1].endswith(" fail")
    assert status == (0 if lines[-1].endswith(" 0 fail") else 1)
    assert sum(line.startswith(("ok ", "warn ", "fail ")) for line in lines) == 15
