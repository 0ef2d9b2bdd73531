import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench import reboot
from wherry.base.errors import System

DAEMON = """
import os, socket, sys
path, word = sys.argv[1], os.environ["WORD"]
if os.path.exists(path):
    os.unlink(path)
server = socket.socket(socket.AF_UNIX)
print("up", word, os.getcwd(), flush=True)
server.bind(path)
server.listen()
while True:
    server.accept()[0].close()
"""


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="nsenter needs root")
def test_a_daemon_is_ended_and_begun_as_it_was(tmp_path: Path) -> None:
    path, log = tmp_path / "sock", tmp_path / "log"
    with log.open("a") as output:
        first = subprocess.Popen(
            [sys.executable, "-c", DAEMON, str(path)],
            env=os.environ | {"WORD": "a=b c"},
            cwd=tmp_path,
            stdout=output,
            stderr=output,
        )
    reboot.wait_until(lambda: answers(path), first)
    with reboot.captured(str(path)) as launch:
        reboot.end(str(path))
        first.wait()
        second = reboot.begin(launch)
        reboot.wait_until(lambda: not reboot_is_old(path, first.pid), second)
    second.terminate()
    second.wait()
    assert log.read_text() == f"up a=b c {tmp_path}\n" * 2


def reboot_is_old(path: Path, pid: int) -> bool:
    try:
        return reboot.listener(str(path)) == pid
    except System:
        return True


def test_a_daemon_that_ends_at_once_is_told() -> None:
    daemon = subprocess.Popen(["false"])
    with pytest.raises(System, match="ended with status 1"):
        reboot.wait_until(lambda: False, daemon)
