"""The loop of the zygote: it takes orders on a packet socket and forks one child per order.

It has one thread, the standard library and the modules of its jobs, all imported before the first fork. It ends at
the end of its control socket, before it reads another order, so that nothing is begun for a daemon that is dead; but
it stays until the helpers under way have ended. They share its process group, residents have groups of their own.
"""

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from wherry.base.errors import EngineError, NotFound
from wherry.host import packets
from wherry.host.packets import Message

CONTROL: Final = 3
LOCK: Final = 4
"""Descriptors that the zygote is exec'd with, besides 0 to 2; host/zygote.py puts them there."""

PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_SET_CHILD_SUBREAPER: Final = 36
"""linux/prctl.h"""

SYS_RT_SIGACTION: Final = {"x86_64": 13, "aarch64": 134}
INTERNAL_SIGNALS: Final = (32, 33)
"""SIGCANCEL and SIGSETXID (nptl(7))."""

HIGHEST: Final = 0x7FFFFFFF

_libc = ctypes.CDLL(None, use_errno=True)

Helper = Callable[[Message, list[int]], tuple[Message, list[int]]]
"""A short job: arguments and descriptors in, answer and descriptors out; both sets are its own."""
Resident = Callable[[Message, socket.socket, list[int]], None]
"""A job that stays: it answers on the socket by itself, as often as it likes."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a child does: exactly one of the two. Helpers keep the engine's lock, residents outlive the engine."""

    helper: Helper | None = None
    resident: Resident | None = None


def run(jobs: Mapping[str, Job]) -> None:
    """Say that the zygote is ready, fork a child for each order until the daemon is gone, wait for the helpers."""
    os.closerange(LOCK + 1, HIGHEST)
    default_internal_signals()
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    set_name("wherry-zygote")
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=CONTROL)
    packets.send(control, {"ready": os.getpid()})
    _take_orders(jobs, control)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(0, 0)


def default_internal_signals() -> None:
    """Undo what posix_spawn(3) of glibc leaves behind, in whoever began this process too: its internal signals ignored.

    Containers would inherit it. sigaction(3) refuses these numbers, hence the system call; the first word of its
    `struct kernel_sigaction` is the handler, and an all-zero one is SIG_DFL.
    """
    number = SYS_RT_SIGACTION.get(os.uname().machine)
    if number is None:
        return
    for internal in INTERNAL_SIGNALS:
        now = ctypes.create_string_buffer(32)
        _libc.syscall(ctypes.c_long(number), internal, None, now, ctypes.c_size_t(8))
        if int.from_bytes(now.raw[:8], sys.byteorder) == signal.SIG_IGN:
            _libc.syscall(ctypes.c_long(number), internal, bytes(32), None, ctypes.c_size_t(8))


def set_name(name: str) -> None:
    """Set the name that ps shows, at most 15 bytes."""
    _libc.prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def close_others(keep: Iterable[int]) -> None:
    """Close every descriptor above 2 that is not named."""
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, HIGHEST)


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument; OSError."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def _take_orders(jobs: Mapping[str, Job], control: socket.socket) -> None:
    poll = select.poll()
    poll.register(control, select.POLLIN | select.POLLRDHUP)
    while True:
        [(_, events)] = poll.poll()
        if events & (select.POLLRDHUP | select.POLLHUP | select.POLLERR):
            return
        got = packets.receive(control)
        if got is None:
            return
        _serve(jobs, control, *got)


def _serve(jobs: Mapping[str, Job], control: socket.socket, order: Message, fds: list[int]) -> None:
    """Fork the child of one order; its first descriptor is the socket that the answer goes to."""
    reply = socket.socket(fileno=fds[0])
    try:
        job = jobs.get(order["job"])
        if job is None:
            raise NotFound(f"the zygote has no job {order['job']!r}")
        pid = os.fork()
        if pid == 0:
            control.detach()
            _child(job, order, reply, fds[1:])
        if job.resident is not None:
            _set_apart(pid)
    except (EngineError, OSError) as error:
        with contextlib.suppress(OSError):
            packets.send(reply, packets.failure(error, f"fork for {order['job']}"))
    finally:
        reply.close()
        packets.close_all(fds[1:])


def _child(job: Job, order: Message, reply: socket.socket, fds: list[int]) -> NoReturn:
    """Run the job of a forked child; never returns into the zygote's loop."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        set_name(f"wherry-{order['job']}")
        if job.resident is not None:
            _set_apart(0)
            close_others([reply.fileno(), *fds])
            _forget_terminal()
            job.resident(order["args"], reply, fds)
        elif job.helper is not None:
            close_others([LOCK, reply.fileno(), *fds])
            _answer(job.helper, order, reply, fds)
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(status)


def _answer(helper: Helper, order: Message, reply: socket.socket, fds: list[int]) -> None:
    given: list[int] = []
    try:
        answer, given = helper(order["args"], fds)
    except (EngineError, OSError) as error:
        answer = packets.failure(error, order["job"])
    with contextlib.suppress(ConnectionError):
        packets.send(reply, answer, given)


def _set_apart(pid: int) -> None:
    """Give a resident its own process group; parent and child both do it, whoever comes first (setpgid(2))."""
    with contextlib.suppress(ProcessLookupError):
        os.setpgid(pid, 0)


def _forget_terminal() -> None:
    """Point 0 to 2 at /dev/null: what outlives the daemon must not hold its terminal or its log pipe."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
