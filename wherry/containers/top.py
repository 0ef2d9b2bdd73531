"""Listing the processes of a container: the host's ps, cut down to its pids (api-containers.md 3.10)."""

import re
from typing import Any

from wherry.base.errors import Conflict, InvalidParameter, System
from wherry.base.offload import offload
from wherry.containers.news import News
from wherry.host.programs import program_output
from wherry.runtimes.tier import TierOf
from wherry.state.machine import RESTARTING
from wherry.state.record import Phase
from wherry.state.store import Store

DEFAULT = "-ef"
_RENAMED = re.compile(r"\s([^\s=]+)=\s*(PID\S*)")


class Top:
    """The verb."""

    def __init__(self, store: Store, tier: TierOf, news: News) -> None:
        """Take the records, the tier that knows the pids, and who is told."""
        self._store = store
        self._tier = tier
        self._news = news

    async def __call__(self, ref: str, arguments: str) -> dict[str, Any]:
        """Return Titles and Processes; Conflict when it does not run, System in the words of ps."""
        arguments = arguments or DEFAULT
        for key, value in _RENAMED.findall(f" {arguments}"):
            if key != "pid":
                raise System(f'specifying "{key}={value}" is not allowed')
        rec = self._store.get(ref)
        if rec.phase is Phase.RESTARTING:
            raise Conflict(RESTARTING.format(id=rec.id))
        if not rec.alive:
            raise Conflict(f"container {rec.id} is not running")
        pids = {str(pid) for pid in await self._tier(rec.id).pids(rec.id)}
        listed = parse_ps(await offload(_run_ps, arguments.split(" "), sorted(pids)), pids)
        self._news.container(rec, "top")
        return listed


def _run_ps(arguments: list[str], pids: list[str]) -> str:
    """Run ps for the pids alone, or for all where its arguments do not bear that (blocking)."""
    if any("\0" in argument for argument in arguments):
        raise InvalidParameter("invalid argument of ps: it holds a NUL byte")
    for more in ([f"-q{','.join(pids)}"], []):
        if output := program_output("ps", *filter(None, arguments), *more):
            return output
    raise System(f"ps: it failed for {' '.join(arguments)!r}, or procps is not installed")


def parse_ps(text: str, pids: set[str]) -> dict[str, Any]:
    """Return the titles, and the rows of these pids; threads, which have `-` there, follow their process."""
    head, *lines = text.splitlines()
    titles = head.split()
    if "PID" not in titles:
        raise System("Couldn't find PID field in ps output")
    column = titles.index("PID")
    rows, within = [], False
    for line in lines:
        row = line.split(None, len(titles) - 1)
        if len(row) <= column:
            continue
        if row[column] != "-":
            within = row[column] in pids
        if within:
            rows.append(row)
    return {"Titles": titles, "Processes": rows}
