import os
import socket
from pathlib import Path

import pytest

from bench.memory import Process, exec_root, family, listener, parse_pss, parse_stat, running, shims
from wherry.base.errors import System

ROLLUP = """55d0c0a00000-7ffd1b7fe000 ---p 00000000 00:00 0                          [rollup]
Rss:               11916 kB
Pss:                7417 kB
Pss_Dirty:          3164 kB
Pss_Anon:           3160 kB
SwapPss:               0 kB
"""


def process(parent: int, name: str, program: str = "", *arguments: str) -> Process:
    return Process(parent, name, program, arguments)


def test_pss_is_the_line_and_not_its_parts() -> None:
    assert parse_pss(ROLLUP) == 7417
    assert parse_pss("") == 0


def test_a_name_may_hold_blanks_and_brackets() -> None:
    name, after = parse_stat("12 (a) b) (c) S 7 12 12 0\n")
    assert name == "a) b) (c"
    assert after[:2] == ["S", "7"]


@pytest.mark.parametrize(
    ("arguments", "root"),
    [
        (("dockerd", "--exec-root", "/run/d"), "/run/d"),
        (("dockerd", "--exec-root=/run/d"), "/run/d"),
        (("dockerd", "--exec-root"), ""),
        (("dockerd",), ""),
    ],
)
def test_exec_root(arguments: tuple[str, ...], root: str) -> None:
    assert exec_root(arguments) == root


def test_family_is_the_daemon_and_what_it_began_without_containerd() -> None:
    processes = {
        1: process(0, "init"),
        10: process(1, "wherryd", "/usr/bin/python", "wherryd", "--exec-root", "/run/w"),
        11: process(10, "wherry-zygote", "/usr/bin/python"),
        12: process(11, "wherry-keeper", "/usr/bin/python"),
        13: process(10, "containerd", "/usr/bin/containerd"),
        14: process(13, "containerd-shim", "/usr/bin/shim"),
        15: process(14, "sh", "/bin/busybox"),
        16: process(1, "other"),
    }
    assert family(10, processes) == {10, 11, 12}


def test_family_holds_kin_that_hangs_elsewhere() -> None:
    processes = {
        10: process(1, "wherryd", "/usr/bin/python", "wherryd", "--exec-root=/run/w/"),
        20: process(1, "keeper", "/usr/bin/python", "keeper", "/run/w/keepers/1"),
        21: process(20, "child", "/bin/cat"),
        22: process(1, "keeper", "/usr/bin/python", "keeper", "/run/wide/keepers/1"),
        23: process(1, "tail", "/usr/bin/tail", "tail", "/run/w/log"),
        os.getpid(): process(1, "bench", "/usr/bin/python", "bench", "w=unix:///run/w/docker.sock"),
    }
    assert family(10, processes) == {10, 20, 21}


def test_of_running_containers_their_shims_count_and_their_processes_do_not() -> None:
    processes = {
        10: process(1, "wherryd"),
        11: process(10, "wherry-zygote"),
        12: process(11, "wherry-keeper"),
        13: process(12, "sleep"),
        14: process(13, "sh"),
        20: process(1, "containerd-shim", "/usr/bin/shim", "shim", "-id", "a", "-address", "/run/c"),
        21: process(20, "sleep", "/bin/busybox", "sleep", "a"),
        22: process(1, "containerd-shim", "/usr/bin/shim", "shim", "-id", "b"),
    }
    assert family(10, processes, {13}) == {10, 11, 12}
    assert shims(processes, {"a": 21}) == {20}


def test_the_listener_is_told_by_the_kernel(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        assert listener(path) == os.getpid()
    with pytest.raises(System, match="no engine listens"):
        listener(path)


def test_running_processes_hold_this_one() -> None:
    me = running()[os.getpid()]
    assert me.parent == os.getppid()
    assert me.program == os.readlink("/proc/self/exe")
