"""A wherryd in a box, driven by the docker CLI and by docker-py."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from docker import DockerClient

from tests.real.box import TIER, Box
from wherry.main.demo import demo_archive

WHERRYD = str(Path(sys.executable).with_name("wherryd"))
BOOT_SECONDS = 60
LOG_SECONDS = 120
"""How long a line of the log may take."""


class Engine:
    """One engine with roots of its own below the box's directory."""

    def __init__(self, box: Box, name: str = "e", *flags: str) -> None:
        self.box = box
        self.root = box.directory / name
        self.data, self.exec = self.root / "data", self.root / "exec"
        self.socket = self.root / "docker.sock"
        self.log = self.root / "wherryd.log"
        self.flags = list(flags)
        self.path = os.environ["PATH"]
        self.tier = TIER
        self.root.mkdir(exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    @property
    def host(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(
        self,
        *flags: str,
        faults: str = "",
        before: tuple[str, ...] = (),
        pass_fds: tuple[int, ...] = (),
        ready: bool = True,
    ) -> "Engine":
        """Start the daemon, through a program `before` it if one is named, and wait for its READY=1 if it can."""
        command = [
            WHERRYD, "--data-root", str(self.data), "--exec-root", str(self.exec), "-p", str(self.root / "pid"),
            "-H", self.host, "--debug", *(["--default-runtime", self.tier] if self.tier else []), *self.flags, *flags,
        ]  # fmt: skip
        self._notify.close()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = self.root / "notify.sock"
        address.unlink(missing_ok=True)
        self._notify.bind(str(address))
        environment = {"PATH": self.path, "WHERRY_FAULTS": faults, "NOTIFY_SOCKET": str(address)}
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.box.enter(*before, *command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=pass_fds,
            )
        if ready:
            self.wait_for("READY=1")
        return self

    def wait_for(self, state: str) -> None:
        """Wait until the daemon tells its supervisor a state; its log is the message when it ends instead."""
        with os.fdopen(os.pidfd_open(self.pid)) as gone:
            while True:
                ready, _, _ = select.select([self._notify, gone], [], [], BOOT_SECONDS)
                if self._notify in ready:
                    if self._notify.recv(4096).startswith(state.encode()):
                        return
                    continue
                raise AssertionError(f"no {state} of wherryd: {'it ended' if ready else 'too late'}\n{self.tail()}")

    def comes_up(self) -> bool:
        """Wait until the daemon is ready or has ended, and tell which."""
        try:
            self.wait_for("READY=1")
        except AssertionError:
            if self.running:
                raise
            return False
        return True

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """kill -9 the daemon and wait until it is gone."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def wait_stopped(self) -> None:
        """Wait until the daemon has stopped itself at a failpoint; SIGCONT lets it go on."""
        found = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert found is not None
        assert found.si_status == signal.SIGSTOP, self.tail()

    def proceed(self) -> None:
        """Let a stopped daemon go on."""
        os.kill(self.pid, signal.SIGCONT)

    def wait_end(self, seconds: float = 60) -> int:
        """Wait until the daemon has ended by itself."""
        assert self._process is not None
        return self._process.wait(timeout=seconds)

    def stop(self) -> int:
        """SIGTERM and wait for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=60)

    def end(self) -> None:
        """Whatever state it is in: SIGTERM, then SIGKILL for it and what it left."""
        self._notify.close()
        if self.running:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def keepers(self) -> list[int]:
        """Pids of the keepers that live, from the files they leave."""
        return [json.loads(path.read_text())["pid"] for path in self.exec.glob("c/*/*/keeper.json")]

    def zygotes(self) -> list[int]:
        """Pids of the daemon's zygote."""
        return self.children("wherry-zygote")

    def containerds(self) -> list[int]:
        """Pids of its containerd: a child of one of the daemon's threads, or of nobody once it was adopted."""
        return self.processes("containerd --config")

    def children(self, comm: str) -> list[int]:
        """Pids of the daemon's children with a name."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == f"{comm}\n"]

    def wait_log(self, text: str, count: int = 1, since: int = 0) -> None:
        """Wait until the daemon has logged that many lines with the text, from a byte of its log on."""
        command = ["timeout", str(LOG_SECONDS), "tail", f"-c+{since + 1}", "-f", str(self.log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
            assert tail.stdout is not None
            for line in tail.stdout:
                count -= text in line
                if count <= 0:
                    break
            tail.terminate()
        assert count <= 0, f"no line with {text!r} in time\n{self.tail()}"

    def processes(self, text: str = "") -> list[int]:
        """Processes whose command line names this engine's directory, and the text."""
        return [pid for pid, line in self.box.processes().items() if str(self.root) in line and text in line]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def docker(
        self, *arguments: str, stdin: bytes | None = None, timeout: float = 60
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run the docker CLI against this engine."""
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=timeout, env=self.environment(), **source
        )  # type: ignore[call-overload,no-any-return]

    def environment(self) -> dict[str, str]:
        """The environment in which a client finds this engine."""
        return {"PATH": os.environ["PATH"], "DOCKER_HOST": self.host, "HOME": str(self.root)}

    def popen(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Begin a CLI command whose output is read while it runs."""
        return subprocess.Popen(
            ["docker", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self.environment(),
        )  # fmt: skip

    def ok(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run the docker CLI, which must succeed; returns its stripped output."""
        done = self.docker(*arguments, stdin=stdin)
        assert done.returncode == 0, f"docker {arguments}: {done.returncode}\n{done.stderr.decode()}\n{self.tail(30)}"
        return done.stdout.decode().strip()

    def feed(self, ident: str, data: bytes) -> None:
        """Attach to a container that ends by itself, and write to its stdin until then."""
        with self.popen("attach", "--sig-proxy=false", ident) as feeder:
            assert feeder.stdin is not None
            feeder.stdin.write(data)
            feeder.stdin.flush()
            feeder.wait(timeout=30)

    def load_demo(self, name: str) -> None:
        """Load the image that the machine's static busybox makes."""
        self.ok("load", stdin=demo_archive(f"{name}:latest", ["sh"]))

    def remove_all(self) -> None:
        """Remove every container."""
        found = self.ok("ps", "-aq").split()
        if found:
            self.ok("rm", "-fv", *found)

    def inspect(self, ref: str) -> dict[str, Any]:
        return json.loads(self.ok("inspect", ref))[0]

    def client(self) -> DockerClient:
        return DockerClient(base_url=self.host, version="auto", timeout=60)
