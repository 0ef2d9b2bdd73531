"""Containers that share namespaces of others: shared memory, `--ipc`, `--pid` and `--network container:X`."""

import base64
import json
import os
import signal
import sqlite3

import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

DONOR = ("run", "-d", "--name", "donor", "--stop-timeout", "1", "--ipc", "shareable", IMAGE, "sleep", "1000")


@pytest.fixture
def donor(engine: Engine) -> str:
    return engine.ok(*DONOR)


def join(engine: Engine, *kinds: str, name: str = "joiner", command: tuple[str, ...] = ("sleep", "1000")) -> str:
    modes = [word for kind in kinds for word in (f"--{kind}", "container:donor")]
    return engine.ok("run", "-d", "--name", name, "--stop-timeout", "1", *modes, IMAGE, *command)


def namespace(engine: Engine, name: str, kind: str) -> str:
    return os.readlink(f"/proc/{engine.inspect(name)['State']['Pid']}/ns/{kind}")


def fails(engine: Engine, *arguments: str) -> str:
    done = engine.docker(*arguments)
    assert done.returncode != 0
    return done.stderr.decode()


def test_shareable_memory_is_the_engines_and_ends_with_the_container(engine: Engine) -> None:
    engine.ok("run", "-d", "--name", "donor", "--ipc", "shareable", "--shm-size", "8m", IMAGE, "sleep", "1000")
    mounted = [line for line in engine.box.mounts() if line.endswith("/mounts/shm") or "/mounts/shm " in line]
    assert len(mounted) == 1
    shown = engine.ok("exec", "donor", "grep", " /dev/shm ", "/proc/mounts").split()
    assert shown[2] == "tmpfs"
    assert {"nosuid", "nodev", "noexec", "size=8192k"} <= set(shown[3].split(","))
    assert engine.ok("exec", "donor", "stat", "-c", "%a", "/dev/shm") == "1777"
    engine.ok("kill", "donor")
    engine.ok("wait", "donor")
    assert not [line for line in engine.box.mounts() if "/mounts/shm" in line]


def test_ipc_of_another(engine: Engine, donor: str) -> None:
    join(engine, "ipc")
    assert namespace(engine, "joiner", "ipc") == namespace(engine, "donor", "ipc")
    engine.ok("exec", "joiner", "sh", "-c", "echo hello > /dev/shm/word")
    assert engine.ok("exec", "donor", "cat", "/dev/shm/word") == "hello"
    assert engine.inspect("joiner")["HostConfig"]["IpcMode"] == f"container:{donor}"
    engine.ok("rm", "-f", "donor")
    assert engine.ok("exec", "joiner", "cat", "/dev/shm/word") == "hello"


def test_a_joiner_is_a_donor_too(engine: Engine, donor: str) -> None:
    join(engine, "ipc", "network")
    both = ("--ipc", "container:joiner", "--network", "container:joiner")
    engine.ok("run", "-d", "--name", "third", *both, IMAGE, "sleep", "1000")
    for kind in ("ipc", "net"):
        assert namespace(engine, "third", kind) == namespace(engine, "donor", kind)
    engine.ok("exec", "third", "touch", "/dev/shm/mark")
    engine.ok("exec", "donor", "test", "-e", "/dev/shm/mark")
    assert engine.ok("exec", "third", "cat", "/etc/hosts") == engine.ok("exec", "donor", "cat", "/etc/hosts")


def test_pid_of_another(engine: Engine, donor: str) -> None:
    join(engine, "pid")
    assert namespace(engine, "joiner", "pid") == namespace(engine, "donor", "pid")
    assert engine.ok("exec", "joiner", "ps").count("sleep 1000") == 2
    engine.ok("stop", "donor")
    assert engine.ok("wait", "joiner") == "137"  # the kernel ends a namespace with its first process


def test_network_of_another(engine: Engine, donor: str) -> None:
    join(engine, "network")
    assert namespace(engine, "joiner", "net") == namespace(engine, "donor", "net")
    shown, lender = engine.inspect("joiner"), engine.inspect("donor")
    assert shown["HostConfig"]["NetworkMode"] == f"container:{donor}"
    assert shown["Config"]["Hostname"] == lender["Config"]["Hostname"]
    settings = shown["NetworkSettings"]
    assert [settings[key] for key in ("SandboxID", "SandboxKey", "Ports", "Networks")] == ["", "", {}, {}]
    for path in ("HostsPath", "HostnamePath", "ResolvConfPath"):
        assert shown[path] == lender[path]
    address = lender["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert f"{address}\t{lender['Config']['Hostname']}" in engine.ok("exec", "joiner", "cat", "/etc/hosts")
    assert engine.ok("exec", "joiner", "hostname") == lender["Config"]["Hostname"]
    assert f" {address}/" in engine.ok("exec", "joiner", "ip", "addr", "show", "eth0")


def test_the_end_of_a_paused_donor(engine: Engine, donor: str) -> None:
    """The kernel ends the joiners first, so the donor is thawed and not yet gone for a while."""
    engine.ok("pause", "donor")
    join(engine, "pid")
    engine.ok("rm", "-f", "donor")
    assert engine.ok("wait", "joiner") == "137"


def test_weak_10_joiners_get_the_network_of_the_donors_next_run(engine: Engine, donor: str) -> None:
    """Docker leaves them in a dead namespace (start.md 11, no. 10)."""
    join(engine, "network")
    before = namespace(engine, "joiner", "net")
    engine.ok("stop", "donor")
    assert engine.docker("exec", "joiner", "ip", "addr", "show", "eth0").returncode != 0
    engine.ok("start", "donor")
    assert namespace(engine, "donor", "net") == namespace(engine, "joiner", "net") == before
    address = engine.inspect("donor")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert f" {address}/" in engine.ok("exec", "joiner", "ip", "addr", "show", "eth0")
    assert address in engine.ok("exec", "joiner", "cat", "/etc/hosts")
    engine.ok("restart", "joiner")
    assert namespace(engine, "joiner", "net") == before
    engine.ok("rm", "-f", "joiner")
    with open(f"/proc/{engine.inspect('donor')['State']['Pid']}/ns/net", "rb"):  # the kernel gives a free number again
        engine.ok("restart", "donor")
        assert namespace(engine, "donor", "net") != before


def test_joiners_of_a_network_survive_its_donors_removal(engine: Engine, donor: str) -> None:
    join(engine, "network")
    engine.ok("rm", "-f", "donor")
    assert "localhost" in engine.ok("exec", "joiner", "cat", "/etc/hosts")
    engine.ok("stop", "joiner")
    text = "joining network namespace of container: No such container: " + donor
    assert text in fails(engine, "start", "joiner")
    assert engine.inspect("joiner")["State"]["ExitCode"] == 128


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("network", "cannot join network namespace of a non running container: container donor is created"),
        ("ipc", "failed to join IPC namespace: container {id} is not running"),
        ("pid", "failed to join PID namespace: container {id} is not running"),
    ],
)
def test_a_donor_that_does_not_run(engine: Engine, kind: str, text: str) -> None:
    ident = engine.ok("create", "--name", "donor", IMAGE, "true")
    engine.ok("create", "--name", "joiner", f"--{kind}", "container:donor", IMAGE, "true")
    assert text.format(id=ident) in fails(engine, "start", "joiner")
    assert engine.inspect("joiner")["State"]["ExitCode"] == 128


def test_a_donor_that_does_not_share(engine: Engine) -> None:
    ident = engine.ok("run", "-d", "--name", "donor", IMAGE, "sleep", "1000")
    engine.ok("create", "--name", "joiner", "--ipc", "container:donor", IMAGE, "true")
    text = f"container {ident}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
    assert text in fails(engine, "start", "joiner")


def test_weak_46_a_network_to_join_is_checked_at_create(engine: Engine) -> None:
    create = ("create", "--name", "joiner", "--network")
    text = "joining network namespace of container: No such container: nobody"
    assert text in fails(engine, *create, "container:nobody", IMAGE, "true")
    assert "cannot join own network namespace" in fails(engine, *create, "container:joiner", IMAGE, "true")


def test_weak_47_secrets_are_bound_read_only_from_the_record(own: Engine) -> None:
    own.start().load_demo(IMAGE)
    ident = own.ok(
        "create", "--user", "1000:1000", IMAGE, "sh", "-c", "cat /run/secrets/key; echo x > /run/secrets/key"
    )
    own.stop()
    database = sqlite3.connect(own.data / "wherry.db")
    ((body,),) = database.execute("SELECT body FROM containers")
    record = json.loads(body)
    given = {"target": "/run/secrets/key", "data": base64.b64encode(b"open sesame\n").decode(), "uid": 1000}
    record["files"] = [given, {"target": "/app.conf", "data": "", "mode": 0o444}]
    database.execute("UPDATE containers SET body = ?", (json.dumps(record),))
    database.commit()
    database.close()
    own.start()
    done = own.docker("start", "-a", ident)
    assert done.stdout == b"open sesame\n"
    assert b"Read-only file system" in done.stderr
    assert not [line for line in own.box.mounts() if "/mounts/files" in line]
    own.ok("rm", ident)


def test_pins_are_swept_and_kept(own: Engine) -> None:
    """A run that was cut leaves pins and memory to the next boot; with live-restore those of a living one stay."""
    own.start("--live-restore").load_demo(IMAGE)
    own.ok(*DONOR)
    join(own, "ipc", "pid", "network")
    own.kill()
    own.start("--live-restore")
    assert len(list((own.exec / "joined").glob("*/*"))) == 3
    own.ok("exec", "joiner", "touch", "/dev/shm/x")
    own.ok("rm", "-f", "joiner", "donor")
    assert not list((own.exec / "joined").glob("*"))
    assert not [line for line in own.box.mounts() if str(own.root) in line and "/mounts/" in line]


def test_weak_10_joiners_come_up_after_their_donors_at_boot(own: Engine) -> None:
    own.start().load_demo(IMAGE)
    always = ("run", "-d", "--restart", "always", "--stop-timeout", "1")
    own.ok(*always, "--name", "donor", "--ipc", "shareable", IMAGE, "sleep", "1000")
    for kind in ("ipc", "pid", "network"):
        own.ok(*always, "--name", kind, f"--{kind}", "container:donor", IMAGE, "sleep", "1000")
    own.kill()
    own.start()
    wait_until_running(own, "donor", "ipc", "pid", "network")
    for kind, file in (("ipc", "ipc"), ("pid", "pid"), ("network", "net")):
        assert namespace(own, kind, file) == namespace(own, "donor", file)
    own.ok("rm", "-f", "donor", "ipc", "pid", "network")


def test_a_pid_joiner_is_restarted_after_its_donor(engine: Engine) -> None:
    always = ("run", "-d", "--restart", "always")
    engine.ok(*always, "--name", "donor", IMAGE, "sleep", "1000")
    engine.ok(*always, "--name", "joiner", "--pid", "container:donor", IMAGE, "sleep", "1000")
    first = engine.inspect("joiner")["State"]["Pid"]
    os.kill(engine.inspect("donor")["State"]["Pid"], signal.SIGKILL)
    wait_until_running(engine, "donor", "joiner", unlike=first)
    assert namespace(engine, "joiner", "pid") == namespace(engine, "donor", "pid")


def wait_until_running(engine: Engine, *names: str, unlike: int = 0) -> None:
    """Wait for the start events of names until all run, the last one with another pid than `unlike`."""
    for _ in range(300):
        states = [engine.inspect(name)["State"] for name in names]
        if all(state["Status"] == "running" for state in states) and states[-1]["Pid"] != unlike:
            return
    raise AssertionError(engine.tail())


def test_joiners_find_names_and_keep_finding_them(engine: Engine) -> None:
    """The resolver of a user's network serves the namespace, whoever is in it."""
    engine.ok("network", "create", "inner")
    inner = ("run", "-d", "--stop-timeout", "1", "--network", "inner")
    engine.ok(*inner, "--name", "other", IMAGE, "sleep", "1000")
    engine.ok(*inner, "--name", "donor", IMAGE, "sleep", "1000")
    join(engine, "network")
    engine.ok("exec", "joiner", "ping", "-c", "1", "-w", "5", "other")
    engine.ok("restart", "donor")
    engine.ok("exec", "joiner", "ping", "-c", "1", "-w", "5", "other")
    engine.ok("exec", "donor", "ping", "-c", "1", "-w", "5", "other")
    refused = fails(engine, "network", "connect", "bridge", "joiner")
    assert "container sharing network namespace with another container or host cannot be connected" in refused
    engine.remove_all()
    engine.ok("network", "rm", "inner")
