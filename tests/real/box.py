"""A box for real engines: a mount and a network namespace of its own, so that nothing of the machine changes.

One holder process owns both; `run` and `enter` lead inside. A machine outside, at 192.0.2.1, is one more network
namespace: it has no route back to a bridge, so it answers only what was masqueraded.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

SETUP = """
set -e
mount --make-rprivate /
mkdir -p "$0/cg"
mount --rbind /sys/fs/cgroup "$0/cg"
mount -t sysfs none /sys
mount --rbind "$0/cg" /sys/fs/cgroup
umount -l "$0/cg"
rmdir "$0/cg"
mount -t tmpfs none /run
mount --make-rshared /
ip link set lo up
ip netns add outside
ip link add eth0 type veth peer name eth0 netns outside
ip addr add 192.0.2.10/24 dev eth0
ip link set eth0 up
ip -n outside addr add 192.0.2.1/24 dev eth0
ip -n outside link set eth0 up
echo ready
exec sleep infinity
"""


TIER = os.environ.get("TIER", "")
"""The default runtime of every engine in a box, for a run of all tests on another tier. crun refuses hybrid cgroups, so
with it a box has only version 1."""


class Box:
    """Namespaces with a directory; `close` ends what runs in them and removes the directory."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="wherry-box-", dir="/tmp"))
        command = ["unshare", "-m", "-n", "--propagation", "private", "bash", "-c", SETUP, str(self.directory)]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n", "the box has no namespaces: are you root?"
        self.pid = self._holder.pid
        if TIER:
            self.run("umount", "-l", "/sys/fs/cgroup/unified")

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs a command inside."""
        return ["nsenter", "-m", "-n", "-t", str(self.pid), "--", *command]

    def run(self, *command: str, **options: object) -> "subprocess.CompletedProcess[str]":
        """Run a command inside and return its output."""
        return subprocess.run(self.enter(*command), capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]

    def output(self, *command: str) -> str:
        """Run a command that must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def mounts(self) -> list[str]:
        """Mountpoints inside, in mount order."""
        return [line.split()[4] for line in Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()]

    def processes(self) -> dict[int, str]:
        """Living processes in the box's mount namespace but the holder: pid to command line."""
        mine = os.stat(f"/proc/{self.pid}/ns/mnt").st_ino
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == self.pid:
                continue
            try:
                if os.stat(f"/proc/{entry}/ns/mnt").st_ino == mine:
                    line = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if line:
                        found[int(entry)] = line.strip()
            except OSError:
                continue
        return found

    def _family(self) -> list[int]:
        """The processes in the box and all their descendants: a container has a mount namespace of its own."""
        found = list(self.processes())
        for pid in found:
            try:
                tasks = os.listdir(f"/proc/{pid}/task")
                found += [int(c) for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
            except OSError:
                continue
        return found

    def close(self) -> None:
        """End everything inside, containers too; what a test left is a failure of the test that left it."""
        for pid in self._family():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._holder.kill()
        self._holder.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
