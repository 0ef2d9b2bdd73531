"""The kernel's log, for the one thing that only it tells: which process the out-of-memory killer chose.

Source: Documentation/ABI/testing/dev-kmsg, and mm/oom_kill.c (dump_oom_summary), one line since Linux 5.0.
"""

import contextlib
import os
import re
import select
import time

RECORD = 8192
"""Longest record that the kernel hands out."""
MICROSECONDS = 1_000_000
SLACK_SECONDS = 1.0
"""How far the log's clock may be from the monotonic one."""
_VICTIM = re.compile(r"\d+,\d+,(?P<at>\d+),.*;oom-kill:(?P<groups>.*?),task=(?P<name>.*),pid=(?P<pid>\d+),uid=\d+")


def find_victim(ident: str, age: float, seconds: float, path: str = "/dev/kmsg") -> str:
    """Return `sh (pid 12)`, the last victim in the cgroup whose path names the container, or empty. Blocking.

    Looks back `age` seconds, the run's. The line may come a moment after the notice of the kill: it is waited for,
    at most `seconds`.
    """
    since = time.monotonic() - age - SLACK_SECONDS
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""  # the kernel keeps its log to itself (dmesg_restrict in a container)
    try:
        deadline = time.monotonic() + seconds
        found = _read(log, ident, since)
        while not found and (left := deadline - time.monotonic()) > 0:
            if not select.select([log], [], [], left)[0]:
                break
            found = _read(log, ident, since)
        return found
    finally:
        os.close(log)


def _read(log: int, ident: str, since: float) -> str:
    """Read what there is; the last match counts."""
    found = ""
    with contextlib.suppress(BlockingIOError):
        while True:
            try:
                raw = os.read(log, RECORD)
            except BrokenPipeError:
                continue  # records were overwritten: the next read goes on behind them
            if not raw:
                break  # a plain file, in tests
            for line in raw.decode("utf-8", "replace").splitlines():
                found = victim(line, ident, since) or found
    return found


def victim(line: str, ident: str, since: float) -> str:
    """Return the victim that a record of the log names for this container, or empty. Pure; `since` is in seconds."""
    match = _VICTIM.match(line)
    if match is None or ident not in match["groups"] or int(match["at"]) / MICROSECONDS < since:
        return ""
    return f"{match['name']} (pid {match['pid']})"
