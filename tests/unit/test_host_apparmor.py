"""The default AppArmor profile: its text, and that it is loaded once, by a program that may fail or hang."""

import asyncio
import re
from pathlib import Path

import pytest

from wherry.base.errors import System
from wherry.containers.confine import ensure_profile
from wherry.host.apparmor import load_if_missing, profile
from wherry.host.facts import read_host

NAME = "docker-default"


def parser(directory: Path, *lines: str) -> str:
    """A program in the place of apparmor_parser."""
    path = directory / "parser"
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


def kernel(directory: Path, *profiles: str) -> str:
    path = directory / "profiles"
    path.write_text("".join(f"{name}\n" for name in profiles))
    return str(path)


def test_it_is_loaded_when_the_kernel_has_others_only(tmp_path: Path) -> None:
    there = kernel(tmp_path, "docker-default-not (enforce)", "/usr/bin/man (enforce)")
    load_if_missing(NAME, there, parser(tmp_path, f"echo $@ >{tmp_path}/asked", f"cat >{tmp_path}/given"))
    assert (tmp_path / "asked").read_text() == "-Kr\n"
    assert f'profile "{NAME}"' in (tmp_path / "given").read_text()


@pytest.mark.parametrize("mode", ["enforce", "complain"])
def test_it_is_left_alone_when_it_is_there(mode: str, tmp_path: Path) -> None:
    load_if_missing(NAME, kernel(tmp_path, "man (enforce)", f"{NAME} ({mode})"), "/no/parser")


@pytest.mark.parametrize(
    ("line", "why"), [("echo syntax error >&2; exit 3", "3: syntax error"), ("exec sleep 60", "-9: ")]
)
def test_a_parser_that_fails_or_hangs(line: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(System) as caught:
        load_if_missing(NAME, kernel(tmp_path), parser(tmp_path, line), seconds=0.2)
    assert str(caught.value) == (
        f"AppArmor enabled on system but the {NAME} profile could not be loaded: {tmp_path}/parser ended with {why}"
    )


def test_no_parser(tmp_path: Path) -> None:
    with pytest.raises(System, match="could not be loaded: /no/parser ended with 127: .*No such file"):
        load_if_missing(NAME, kernel(tmp_path), "/no/parser")


@pytest.mark.skipif(read_host().apparmor, reason="this kernel has AppArmor")
def test_only_the_default_is_loaded() -> None:
    for process in ({}, {"apparmorProfile": "mine"}, {"apparmorProfile": "unconfined"}):
        asyncio.run(ensure_profile(process))
    with pytest.raises(System, match=f"^Could not check if {NAME} AppArmor profile was loaded: "):
        asyncio.run(ensure_profile({"apparmorProfile": NAME}))


def test_the_text_names_who_may_signal_and_uses_what_the_library_has() -> None:
    bare = profile(NAME, "unconfined", lambda name: False)
    assert bare.startswith("@{PROC}=/proc/\n")
    assert "include" not in bare
    whole = profile(NAME, "/usr/bin/wherryd", lambda name: True)
    assert whole.startswith("abi <abi/3.0>,\n#include <tunables/global>\n")
    assert '  signal (receive) peer="/usr/bin/wherryd",\n' in whole
    assert f'  ptrace (trace,tracedby,read,readby) peer="{NAME}",\n' in whole


@pytest.mark.parametrize(
    ("path", "writable"),
    [
        ("/proc/1/oom_score_adj", True),
        ("/proc/4711/attr/exec", True),
        ("/proc/sys/kernel/shmmax", True),
        ("/proc/sys/kernel/core_pattern", False),
        ("/proc/sys/kernel/sysrq", False),
        ("/proc/sys/kernel/random/uuid", False),
        ("/proc/sys/vm/drop_caches", False),
        ("/proc/sysvipc/shm", False),
        ("/proc/scsi/scsi", False),
        ("/proc/fs/nfs/exports", False),
        ("/proc/sysrq-trigger", False),
        ("/sys/fs/cgroup/memory.max", True),
        ("/sys/fs/cgroup/a/pids.max", True),
        ("/sys/fs/bpf/x", False),
        ("/sys/kernel/security/apparmor/.load", False),
        ("/sys/class/net/eth0/mtu", False),
        ("/data/file", True),
    ],
)
def test_what_it_lets_be_written(path: str, writable: bool) -> None:
    denied = re.findall(r"^  deny (\S+) \w*w\w*,$", profile(NAME, "unconfined", lambda name: False), re.MULTILINE)
    assert len(denied) > 15
    assert any(_pattern(rule).fullmatch(path) for rule in denied) is not writable


def _pattern(rule: str) -> re.Pattern[str]:
    """A path of apparmor.d(5) as a regular expression: `*` stays within a directory, `**` does not."""
    text = rule.replace("@{PROC}", "/proc").replace(".", r"\.")
    return re.compile(re.sub(r"\*\*?", lambda stars: ".*" if len(stars[0]) == 2 else "[^/]*", text))
