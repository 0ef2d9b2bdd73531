"""Options of the daemon that hold for every container which does not say otherwise."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.box import Box
from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from tests.real.leaks import remove_cgroup

PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
}
PRIVILEGES = "grep NoNewPrivs /proc/self/status"
MAKE = "mkdir /x 2>&1 || true"


@pytest.fixture(scope="module")
def strict(box: Box) -> Iterator[Engine]:
    """An engine with every such option."""
    engine = Engine(box, "strict", "--bridge", "none")
    profile = engine.root / "profile.json"
    profile.write_text(json.dumps(PROFILE))
    try:
        engine.start(
            *("--default-ulimit", "nofile=100:200", "--default-shm-size", "8m", "--no-new-privileges"),
            *(
                "--default-ipc-mode",
                "shareable",
                "--default-cgroupns-mode",
                "private",
                "--cgroup-parent",
                "/wherry-fleet",
            ),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--seccomp-profile", str(profile)),
        ).load_demo(IMAGE)
        yield engine
    finally:
        engine.end()
        for parent in ("fleet", "harbour"):  # a runtime leaves the parents that it makes
            remove_cgroup(f"wherry-{parent}")


CASES = {
    "ulimit": ([], "ulimit -Sn; ulimit -Hn", "100\n200\n"),
    "ulimit of its own": (["--ulimit", "nofile=50:60"], "ulimit -Sn; ulimit -Hn", "50\n60\n"),
    "ulimit of another name": (["--ulimit", "nproc=50:60"], "ulimit -Sn", "100\n"),
    "shm": ([], "df -k /dev/shm | tail -1 | awk '{print $2}'", "8192\n"),
    "shm of its own": (["--shm-size", "4m"], "df -k /dev/shm | tail -1 | awk '{print $2}'", "4096\n"),
    "privileges": ([], PRIVILEGES, "NoNewPrivs:\t1\n"),
    "privileges of its own": (["--security-opt", "no-new-privileges=false"], PRIVILEGES, "NoNewPrivs:\t0\n"),
    "profile": ([], MAKE, "mkdir: can't create directory '/x': Function not implemented\n"),
    "built-in profile": (["--security-opt", "seccomp=builtin"], MAKE, ""),
    "no profile": (["--security-opt", "seccomp=unconfined"], "grep ^Seccomp: /proc/self/status", "Seccomp:\t0\n"),
    "privileged": (["--privileged"], MAKE, ""),
    "cgroup namespace": ([], "cut -d: -f3 /proc/self/cgroup | sort -u", "/\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_in_a_container(strict: Engine, name: str) -> None:
    flags, script, expected = CASES[name]
    done = strict.docker("run", "--rm", *flags, IMAGE, "sh", "-c", script)
    assert (done.stdout.decode(), done.stderr.decode(), done.returncode) == (expected, "", 0)


def test_the_parent_of_the_cgroups(strict: Engine) -> None:
    ident = strict.ok("run", "-d", IMAGE, "sleep", "60")
    own = strict.ok("run", "-d", "--cgroup-parent", "/wherry-harbour", IMAGE, "sleep", "60")
    try:
        for container, parent in ((ident, "/wherry-fleet"), (own, "/wherry-harbour")):
            pid = strict.inspect(container)["State"]["Pid"]
            assert f"{parent}/{container}" in Path(f"/proc/{pid}/cgroup").read_text()
    finally:
        strict.ok("rm", "-f", ident, own)


def test_what_inspect_and_info_say(strict: Engine) -> None:
    ident = strict.ok("create", IMAGE, "true")
    host = strict.inspect(ident)["HostConfig"]
    assert (host["ShmSize"], host["IpcMode"], host["CgroupnsMode"]) == (8 << 20, "shareable", "private")
    strict.ok("rm", ident)
    info = strict.client().info()
    assert info["CgroupDriver"] == "cgroupfs"
    assert info["SecurityOptions"] == [
        f"name=seccomp,profile={strict.root}/profile.json",
        "name=cgroupns",
        "name=no-new-privileges",
    ]


@pytest.mark.skipif(not os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"), reason="no real-time groups")
def test_real_time_is_handed_down_to_every_parent(box: Box) -> None:
    """A container can have as much of it as its parent was given, and no more (start.md 5.3)."""
    engine = Engine(box, "hurried", "--bridge", "none")
    fleet = Path("/sys/fs/cgroup/cpu/wherry-hurried")
    try:
        given = ("--cpu-rt-period", "1000000", "--cpu-rt-runtime", "200000")
        engine.start("--cgroup-parent", "/wherry-hurried/boats", *given).load_demo(IMAGE)
        show = (IMAGE, "cat", "/sys/fs/cgroup/cpu/cpu.rt_period_us", "/sys/fs/cgroup/cpu/cpu.rt_runtime_us")
        assert engine.ok("run", "--rm", *show) == "1000000\n0"
        assert engine.ok("run", "--rm", "--cpu-rt-runtime", "5000", *show) == "1000000\n5000"
        assert [(each / "cpu.rt_runtime_us").read_text() for each in (fleet, fleet / "boats")] == ["200000\n"] * 2
        refused = engine.docker("run", "--rm", "--cpu-rt-runtime", "250000", IMAGE, "true")
        assert refused.returncode == 125
        assert b"cpu.rt_runtime_us" in refused.stderr
    finally:
        engine.end()
        for group in ("wherry-hurried/boats", "wherry-hurried"):
            remove_cgroup(group)


@pytest.mark.skipif(not os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"), reason="no real-time groups")
def test_real_time_that_a_parent_lacks_fails_the_start_in_dockers_words(box: Box) -> None:
    engine = Engine(box, "hasty", "--bridge", "none")
    try:
        engine.start("--cgroup-parent", "/wherry-hasty", "--cpu-rt-runtime", "999999999").load_demo(IMAGE)
        refused = engine.docker("run", "--name", "late", IMAGE, "true")
        assert refused.returncode == 125
        why = b"write /sys/fs/cgroup/cpu/wherry-hasty/cpu.rt_runtime_us: invalid argument"
        assert b"unable to init CPU RT controller: " + why in refused.stderr
        assert engine.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "late") == "created 128"
    finally:
        engine.end()
        remove_cgroup("wherry-hasty")
