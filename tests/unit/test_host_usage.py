"""Accounts of a cgroup on golden data: version 1, version 2, and groups that are gone."""

from pathlib import Path

import pytest

from wherry.host.kmsg import find_victim, victim
from wherry.host.usage import Accounts
from wherry.model.usage import Usage

IDENT = "a" * 64
OOM = (
    "6,900,5000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={0},mems_allowed=0,"
    "oom_memcg=/docker/{0},task_memcg=/docker/{0},task={1},pid={2},uid=0"
)


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def accounts(tmp_path: Path, *mounts: str) -> Accounts:
    info = tmp_path / "mountinfo"
    info.write_text("".join(f"{line}\n" for line in mounts))
    return Accounts(str(tmp_path), str(info))


def legacy(tmp_path: Path) -> Accounts:
    line = "30 29 0:26 / {root}/{at} rw - cgroup cgroup rw,{options}"
    named = {"cpu": "cpu,cpuacct", "memory": "memory", "blkio": "blkio"}
    return accounts(
        tmp_path, *(line.format(root=tmp_path, at=at, options=options) for at, options in named.items())
    )  # fmt: skip


def test_version_1(tmp_path: Path) -> None:
    files = {
        "cpu/docker/x/cpuacct.usage": "3000000\n",
        "cpu/docker/x/cpuacct.usage_user": "1000000\n",
        "cpu/docker/x/cpuacct.usage_sys": "2000000\n",
        "memory/docker/x/memory.max_usage_in_bytes": "4096\n",
        "blkio/docker/x/blkio.throttle.io_service_bytes_recursive": (
            "254:0 Read 10\n254:0 Write 20\n254:0 Total 30\n8:0 Read 1\nTotal 31\n"
        ),
    }
    tree(tmp_path, files)
    wanted = Usage(
        cpu_total=3000000, cpu_user=1000000, cpu_system=2000000, memory_peak=4096, read_bytes=11, write_bytes=20
    )
    assert legacy(tmp_path).read("/docker/x") == wanted


def test_version_2(tmp_path: Path) -> None:
    files = {
        "docker/x/cpu.stat": "usage_usec 30\nuser_usec 10\nsystem_usec 20\nnr_periods 0\n",
        "docker/x/memory.peak": "4096\n",
        "docker/x/io.stat": "254:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:0 rbytes=1 wbytes=0\n",
    }
    tree(tmp_path, files)
    unified = accounts(tmp_path, f"30 29 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw,nsdelegate")
    wanted = Usage(cpu_total=30000, cpu_user=10000, cpu_system=20000, memory_peak=4096, read_bytes=11, write_bytes=20)
    assert unified.read("/docker/x") == wanted
    assert unified.read("/docker/y") is None


def test_an_older_kernel_counts_less(tmp_path: Path) -> None:
    tree(tmp_path, {"docker/x/cpu.stat": "usage_usec 30\nuser_usec 10\nsystem_usec 20\n"})
    used = accounts(tmp_path, f"30 29 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw").read("docker/x")
    assert used is not None
    assert (used.cpu_total, used.memory_peak, used.read_bytes) == (30000, None, None)


def test_a_group_that_is_gone(tmp_path: Path) -> None:
    assert legacy(tmp_path).read("/docker/x") is None
    assert accounts(tmp_path).read("/docker/x") is None


@pytest.mark.parametrize(
    ("line", "since", "found"),
    [
        (OOM.format(IDENT, "sh", 7), 4.0, "sh (pid 7)"),
        (OOM.format(IDENT, "a,task=b c", 7), 4.0, "a,task=b c (pid 7)"),
        (OOM.format(IDENT, "sh", 7), 6.0, ""),
        (OOM.format("b" * 64, "sh", 7), 4.0, ""),
        ("6,900,5000000,-;Killed process 7 (sh)", 4.0, ""),
    ],
)
def test_victims(line: str, since: float, found: str) -> None:
    assert victim(line, IDENT, since) == found


def test_the_last_victim_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_text(f"{OOM.format(IDENT, 'first', 1)}\n SUBSYSTEM=x\n{OOM.format(IDENT, 'last', 2)}\n")
    assert find_victim(IDENT, 1e9, 0.0, str(log)) == "last (pid 2)"
    assert find_victim(IDENT, 1e9, 0.0, str(tmp_path / "none")) == ""
