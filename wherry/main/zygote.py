"""The zygote's program: the table of its jobs. All they need is imported here, before the first fork."""

import subprocess
from typing import Final

from wherry.base.errors import System
from wherry.host import forkserver, netns
from wherry.host.forkserver import Job
from wherry.host.packets import Message
from wherry.names import listeners
from wherry.streams import keeper

RUN_SECONDS: Final = 60.0
"""Most that a command may take: the engine's lock is held as long."""


def _make_netns(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    return {}, [netns.make(args["source"])]


def _open_netns(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    return {}, [netns.open_socket(args["path"])]


def _run(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    """Run a command to its end; System names its status, or that there was none in time."""
    argv: list[str] = args["argv"]
    try:
        done = subprocess.run(
            argv, env=args["environ"], stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise System(f"{' '.join(argv)}: killed after {RUN_SECONDS:g} s") from error
    if done.returncode:
        raise System(f"{' '.join(argv)}: exit status {done.returncode}")
    return {}, []


JOBS: Final = {
    "keeper": Job(resident=keeper.run),
    "run": Job(helper=_run),
    "netns.make": Job(helper=_make_netns),
    "netns.open": Job(helper=_open_netns),
    listeners.JOB: Job(helper=listeners.open_listeners),
}


def main() -> None:
    """Run until the daemon is gone."""
    forkserver.run(JOBS)
