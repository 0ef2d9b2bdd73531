"""The zygote's program: the table of its jobs. All they need is imported here, before the first fork."""

from typing import Final

from wherry.host import forkserver, netns, spawn
from wherry.host.forkserver import Job
from wherry.host.packets import Message
from wherry.names import listeners
from wherry.streams import keeper


def _make_netns(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    return {}, [netns.make(args["path"], args["source"])]


def _open_netns(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    return {}, [netns.open_socket(args["path"])]


def _run(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    spawn.run(args["argv"], args["environ"])
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
