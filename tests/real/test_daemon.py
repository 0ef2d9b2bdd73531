"""The daemon itself: flags, locks, signals, restart with and without its containers, a dead containerd."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real.box import TIER
from tests.real.conftest import IMAGE
from tests.real.engine import WHERRYD, Engine
from tests.real.leaks import assert_no_leaks, look
from tests.real.test_life import follow_until

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 5
"""A bound against waiting for containers that go on, not a measure."""
READY = "echo ready; while :; do usleep 10000; done"
TICKER = "i=0; while :; do i=$((i+1)); echo $i; usleep 2000; done"


def test_stop_is_clean(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sh", "-c", f"trap 'exit 3' TERM; {READY}")
    follow_until(own, ident, "ready")
    assert own.stop() == 0
    assert own.processes() == []
    assert not own.socket.exists()
    own.start()
    state = own.inspect(ident)["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 3)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_make_run_again(own_bridge: Engine, end: str) -> None:
    """`make run` is repeatable: while the engine is up, after `make stop`, and after a crash that left its socket."""
    box, root = own_bridge.box, own_bridge.root
    places = {"DATA_ROOT": str(root / "data"), "EXEC_ROOT": str(root / "exec")}
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), **places}

    def script(name: str) -> str:
        """What the make target of that name calls, in the box."""
        command = box.enter("bash", "-c", f"cd {ROOT} && scripts/{name}")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "Hello from container" in script("run")
    assert "is up already" in script("run")
    if end == "stop":
        assert "has ended" in script("stop")
    else:
        os.kill(int((root / "exec" / "wherryd.pid").read_text()), signal.SIGKILL)
    assert "Hello from container" in script("run")
    script("stop")


def test_second_daemon_on_the_same_roots_is_refused(own: Engine) -> None:
    own.start()
    places = ["--exec-root", f"{own.root}/exec2", "-p", f"{own.root}/pid2", "-H", f"unix://{own.root}/sock2"]
    done = own.box.run(WHERRYD, "--data-root", str(own.data), *places)
    assert done.returncode == 1
    assert str(own.data) in done.stderr
    assert own.ok("ps", "-q") == ""


def test_live_restore_keeps_container_log_and_exit_code(own: Engine) -> None:
    own.start("--live-restore")
    own.load_demo(IMAGE)
    before = look(own)
    ident = own.ok("run", "-d", IMAGE, "sh", "-c", f"trap 'exit 7' TERM; {TICKER}")
    follow_until(own, ident, "50")
    pid = own.inspect(ident)["State"]["Pid"]
    own.kill()
    own.start("--live-restore")
    state = own.inspect(ident)["State"]
    assert (state["Status"], state["Pid"]) == ("running", pid)
    with own.popen("attach", "--no-stdin", ident) as attached:
        assert attached.stdout is not None
        assert int(attached.stdout.readline()) > 50
        attached.kill()
    own.ok("kill", "-s", "TERM", ident)
    assert own.ok("wait", ident) == "7"
    lines = own.ok("logs", ident).splitlines()
    assert lines == [str(n) for n in range(1, len(lines) + 1)]
    own.ok("rm", ident)
    assert_no_leaks(own, before)


def test_live_restore_at_a_stop(own: Engine) -> None:
    """An orderly stop leaves the container running, does not wait for it, and the next start takes it up."""
    own.start("--live-restore")
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sleep", "1000")
    began = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - began < STOP_SECONDS
    own.start("--live-restore")
    assert own.inspect(ident)["State"]["Running"]
    own.ok("rm", "-f", ident)


def test_container_that_ends_while_the_daemon_is_away(own: Engine) -> None:
    own.start("--live-restore")
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sh", "-c", "while [ ! -e /go ]; do usleep 1000; done; echo last; exit 11")
    root = f"/proc/{own.inspect(ident)['State']['Pid']}/root"
    own.kill()
    pidfd = os.pidfd_open(int(root.split("/")[2]))
    with os.fdopen(pidfd), open(f"{root}/go", "w"):
        pass
    own.start("--live-restore")
    assert own.ok("wait", ident) == "11"
    assert own.ok("logs", ident) == "last"


def test_without_live_restore_a_crash_stops_the_containers(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sleep", "1000")
    own.kill()
    own.start()
    assert own.inspect(ident)["State"]["Running"] is False


def test_containerd_that_dies_is_started_again(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", IMAGE, "sleep", "1000")
    (pid,) = own.processes("containerd --config")
    os.kill(pid, signal.SIGKILL)
    own.wait_log("is started again")
    assert own.ok("run", "--rm", IMAGE, "echo", "back") == "back"
    own.ok("kill", ident)
    assert own.ok("wait", ident) == "137"


def test_given_containerd(own: Engine) -> None:
    """With --containerd the engine uses that one and leaves it running."""
    root = own.root / "given"
    root.mkdir()
    address = root / "containerd.sock"
    (root / "config.toml").write_text(
        f'version = 2\nroot = "{root}/root"\nstate = "{root}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'[grpc]\naddress = "{address}"\n'
    )
    with subprocess.Popen(own.box.enter("containerd", "--config", f"{root}/config.toml"), stderr=subprocess.PIPE) as it:
        assert it.stderr is not None
        assert any(b"successfully booted" in line for line in it.stderr)
        own.start("--containerd", str(address))
        own.load_demo(IMAGE)
        assert own.ok("run", "--rm", IMAGE, "echo", "there") == "there"
        assert own.stop() == 0
        assert it.poll() is None
        it.terminate()


def test_socket_of_a_supervisor(own: Engine) -> None:
    """-H fd:// serves the socket that systemd would hand over, and its file stays at the end."""
    path = own.root / "handed.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        script = f"""import os, sys
os.dup2({listener.fileno()}, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])"""
        before = (sys.executable, "-c", script)
        own.start("-H", "fd://", before=before, pass_fds=(listener.fileno(),))
    handed = {"DOCKER_HOST": f"unix://{path}", "PATH": os.environ["PATH"]}
    done = subprocess.run(["docker", "version"], env=handed, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    own.stop()
    assert path.exists()


def test_settings_are_checked_again_at_start(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("create", "--restart", "no", "-m", "64m", IMAGE, "true")
    own.stop()
    with sqlite3.connect(own.data / "wherry.db") as database:
        database.execute("UPDATE containers SET body = replace(body, '\"Memory\":67108864', '\"Memory\":4096')")
    database.close()
    own.start()
    done = own.docker("start", ident)
    assert done.returncode == 1
    assert "Minimum memory limit allowed is 6MB" in done.stderr.decode()
    assert own.inspect(ident)["State"]["Status"] == "created"


def test_second_sigterm_forces(own: Engine) -> None:
    own.start()
    own.load_demo(IMAGE)
    ident = own.ok("run", "-d", "--stop-timeout", "600", IMAGE, "sh", "-c", f"trap '' TERM; {READY}")
    follow_until(own, ident, "ready")
    os.kill(own.pid, signal.SIGTERM)
    own.wait_for("STOPPING=1")
    os.kill(own.pid, signal.SIGTERM)
    assert own.wait_end() == 1


def test_info_and_version(own: Engine) -> None:
    own.start("--label", "zone=a", "--experimental")
    assert own.ok("info", "-f", "{{.DockerRootDir}} {{.Labels}} {{.ExperimentalBuild}}") == f"{own.data} [zone=a] true"
    text = own.ok("version")
    assert "containerd:" in text
    assert f"{TIER.partition('-')[0] or 'runc'}:" in text


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--userns-remap", "default"], "--userns-remap"),
        (["--no-such-flag"], "unknown flag: --no-such-flag"),
        (["--bridge", "x", "--bip", "10.0.0.1/24"], "mutually exclusive"),
        (["-H", "tcp://127.0.0.1:2375", "--tlsverify", "--tlscert", "/absent/cert.pem"], "invalid TLS configuration"),
    ],
)
def test_refused_flags(own: Engine, flags: list[str], words: str) -> None:
    done = subprocess.run([WHERRYD, "--data-root", str(own.data), *flags], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert words in done.stderr


def test_hello_and_doctor(own: Engine) -> None:
    own.start()
    tool = WHERRYD.removesuffix("d")
    done = own.box.run(tool, "hello", "--host", own.host)
    assert done.returncode == 0, done.stdout + done.stderr + own.tail()
    done = own.box.run(tool, "doctor", "--host", own.host, "--data-root", str(own.data))
    assert done.returncode == 0, done.stdout
