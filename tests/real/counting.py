"""What a stretch of an engine's life costs, counted from outside: strace(1), containerd's metrics and /proc.

Counted are the engine's own processes: the daemon, the zygote and what it forks. What a process of theirs becomes by
execve(2), a runtime and the container, is not: its counts are its version's.
"""

import contextlib
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

FORKS: Final = ("clone", "clone3", "fork", "vfork")
CALLS: Final = ",".join(("fsync", "fdatasync", "fcntl", "sendto", "sendmsg", "socket", "execve", *FORKS))
LINE: Final = re.compile(r"(\d+) +(.*)")
UNFINISHED: Final = " <unfinished ...>"
RESUMED: Final = re.compile(r"<\.\.\. \w+ resumed>")
RESULT: Final = re.compile(r"\) += (\d+)$")
SYNCED: Final = re.compile(r"\(\d+<(?:[^>]*/)?([^/>]+)>")
PROGRAM: Final = re.compile(r'\("[^"]*", \["(?:[^"]*/)?([^/"]+)"')
"""What a command is called: a program may be run from memory."""
ORDER: Final = re.compile(r'iov_base="\{\\"(job|order)\\":\\"([\w.-]+)')
NFT: Final = re.compile(r"nlmsg_type=(?:0xa[0-9a-f]{2}|NFNL_)")
NFT_BEGIN: Final = re.compile(r"nlmsg_len=20, nlmsg_type=(?:0x10|NFNL_MSG_BATCH_BEGIN)\b")
"""The first message of a transaction; an RTM_NEWLINK, which has the same number, is longer."""
NETLINK: Final = re.compile(r"AF_NETLINK, [^,]+, NETLINK_(\w+)")
WRITE_LOCK: Final = "l_type=F_WRLCK, l_whence=SEEK_SET, l_start=120"
"""How a transaction of SQLite begins to write (https://www.sqlite.org/walformat.html#locks)."""
RPC: Final = re.compile(r'^grpc_server_started_total\{.*grpc_method="(\w+)",grpc_service="([\w.]+)".*\} (\d+)$', re.M)
QUIET_SECONDS: Final = 1.0


class Traced:
    """strace of processes and of what they fork, within a `with`; `lines` is what it has seen."""

    def __init__(self, pids: Iterable[int], output: Path) -> None:
        self._pids = list(pids)
        self._output = output
        self.lines: list[str] = []

    def __enter__(self) -> "Traced":
        attach = [word for pid in self._pids for word in ("-p", str(pid))]
        command = ["strace", "-f", "-yy", "-v", "-s", "64", "-e", f"trace={CALLS}", "-e", "signal=none"]
        self._strace = subprocess.Popen([*command, "-o", str(self._output), *attach], stderr=subprocess.PIPE, text=True)
        assert self._strace.stderr is not None
        for _ in self._pids:
            line = self._strace.stderr.readline()
            assert " attached" in line or "No such process" in line, f"strace: {line}"
        return self

    def wait_quiet(self) -> None:
        """Wait until nothing was seen for a while: what goes on behind an answer belongs to it."""
        watch = ["timeout", str(QUIET_SECONDS), "tail", "-n0", "-f", str(self._output)]
        while subprocess.run(watch, capture_output=True, check=False).stdout:
            continue

    def __exit__(self, *_: object) -> None:
        self._strace.terminate()
        self._strace.communicate()
        self.lines = self._output.read_text(errors="replace").splitlines()


def tree(pid: int) -> list[int]:
    """A process and what it has forked; some of that may have ended since."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def count(lines: Iterable[str]) -> Counter[str]:
    """Count what strace has seen: by a name that says what it is and, where there are kinds, which."""
    seen = list(_whole(lines))
    parents = {int(result): pid for pid, call, text in seen if call in FORKS and (result := _result(text))}
    found: Counter[str] = Counter()
    others: set[int] = set()
    for pid, call, text in seen:
        if _is_other(pid, parents, others):
            continue
        found.update(_of_call(call, text))
        if call == "execve" and _result(text):
            others.add(pid)
    return +found


def _whole(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield pid, call and text of each call that has returned; one that others came between has two lines."""
    begun: dict[int, str] = {}
    for line in lines:
        match = LINE.fullmatch(line)
        if not match:
            continue
        pid, text = int(match[1]), match[2]
        if text.endswith(UNFINISHED):
            begun[pid] = text.removesuffix(UNFINISHED)
            continue
        if resumed := RESUMED.match(text):
            text = begun.pop(pid, "") + text[resumed.end() :]
        yield pid, text.partition("(")[0], text


def _of_call(call: str, text: str) -> dict[str, int]:
    if call in FORKS:
        return {"forks": 1} if "CLONE_THREAD" not in text else {}
    if call == "execve":
        return {f"exec of {_name(PROGRAM, text)}": 1} if _result(text) else {}
    if call in ("fsync", "fdatasync"):
        return {f"fsync of {_name(SYNCED, text)}": 1}
    if call == "fcntl":
        return {"transactions of SQLite": 1} if WRITE_LOCK in text and ".db-shm" in text else {}
    if call == "socket":
        return {f"sockets of netlink: {found[1].lower()}": 1} if (found := NETLINK.search(text)) else {}
    if order := ORDER.search(text):
        return {f"order to the {'zygote' if order[1] == 'job' else 'keeper'}: {order[2]}": 1}
    messages = text.count("nlmsg_len=")
    if NFT.search(text):
        return {"transactions of nft": len(NFT_BEGIN.findall(text)), "messages of nft": messages}
    return {"messages of rtnetlink": messages}


def _result(text: str) -> str:
    """The result of a call that succeeded, else empty."""
    found = RESULT.search(text)
    return found[1] if found else ""


def _name(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else "?"


def _is_other(pid: int, parents: Mapping[int, int], others: set[int]) -> bool:
    """Tell whether a process or one that it descends from has become another program."""
    while pid not in others:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True


def rpcs(metrics: str) -> Counter[str]:
    """Count the calls that containerd has begun to answer, by service and method."""
    return Counter(
        {f"RPC {service.split('.')[-1]}.{method}": int(value) for method, service, value in RPC.findall(metrics)}
    )


def wakeups(pid: int) -> int:
    """How often the main thread of a process has waited (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return int(status.partition("voluntary_ctxt_switches:")[2].split()[0])
