"""A zygote program with a keeper and small jobs of the tests' own."""

import os
import sys

from wherry.base.errors import Conflict
from wherry.host import forkserver
from wherry.host.forkserver import Job
from wherry.host.packets import Message
from wherry.streams import keeper


def echo(args: Message, fds: list[int]) -> tuple[Message, list[int]]:
    return args, fds


def fail(args: Message, _: list[int]) -> tuple[Message, list[int]]:
    if args["how"] == "kind":
        raise Conflict("already there")
    if args["how"] == "errno":
        os.open(args["path"], os.O_RDONLY)
    os._exit(3)


def read(_: Message, fds: list[int]) -> tuple[Message, list[int]]:
    return {"got": os.read(fds[0], 1).decode()}, []


def modules(_: Message, __: list[int]) -> tuple[Message, list[int]]:
    return {"modules": sorted(sys.modules), "environ": dict(os.environ), "pid": os.getpid()}, []


def descriptors(_: Message, __: list[int]) -> tuple[Message, list[int]]:
    """Without the one that listed them, which is closed again."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    return {"open": sorted(fd for fd in listed if os.path.exists(f"/proc/self/fd/{fd}"))}, []


def main() -> None:
    forkserver.run(
        {
            "keeper": Job(resident=keeper.run),
            "echo": Job(helper=echo),
            "fail": Job(helper=fail),
            "read": Job(helper=read),
            "modules": Job(helper=modules),
            "descriptors": Job(helper=descriptors),
        }
    )
