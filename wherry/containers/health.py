"""Health: what a container's check says of it, and the rules that make it so (start.md 6.4). Pure.

What is known of a container's health lives in memory (monitors.py): a probe writes nothing to disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from wherry.base.units import SECOND
from wherry.model.container import ContainerConfig
from wherry.state.record import Record

NONE: Final = "none"
STARTING: Final = "starting"
HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
STATUSES: Final = (NONE, STARTING, HEALTHY, UNHEALTHY)

PASSED: Final = 0
FAILED_TO_RUN: Final = -1
"""Result of a probe that could not run or took too long."""
LOG_ENTRIES: Final = 5

_INTERVAL: Final = 30 * SECOND
_TIMEOUT: Final = 30 * SECOND
_START_INTERVAL: Final = 5 * SECOND
_RETRIES: Final = 3
_SHELL: Final = ("/bin/sh", "-c")


@dataclass(frozen=True, slots=True)
class Probed:
    """One result: wall clock in nanoseconds, the exit code or FAILED_TO_RUN, and what was said."""

    start: int
    end: int
    exit_code: int
    output: str


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of one container; the log goes on over runs."""

    status: str = STARTING
    streak: int = 0
    log: tuple[Probed, ...] = ()
    generation: int = 0
    """The run that status and streak are of."""


@dataclass(frozen=True, slots=True)
class Check:
    """A health check with its defaults filled in; durations in nanoseconds."""

    command: tuple[str, ...]
    """Empty when the check names none: it fails each time, in Docker's words."""
    interval: int = _INTERVAL
    timeout: int = _TIMEOUT
    start_period: int = 0
    start_interval: int = _START_INTERVAL
    retries: int = _RETRIES

    @classmethod
    def of(cls, config: ContainerConfig) -> "Check | None":
        """Return the check that a container asks for; None for none, `NONE` and kinds that nobody knows."""
        asked = config.healthcheck
        kind, *words = (asked.test or ("NONE",)) if asked is not None else ("NONE",)
        if asked is None or kind not in ("CMD", "CMD-SHELL"):
            return None
        shell = (config.shell or _SHELL) if kind == "CMD-SHELL" else ()
        return cls(
            command=(*shell, *words),
            interval=asked.interval or _INTERVAL,
            timeout=asked.timeout or _TIMEOUT,
            start_period=asked.start_period,
            start_interval=asked.start_interval or _START_INTERVAL,
            retries=asked.retries if asked.retries > 0 else _RETRIES,
        )

    def pause(self, health: Health, age: int) -> int:
        """Return the nanoseconds until the next probe of a run that is `age` nanoseconds old."""
        soon = age < self.start_period and health.status == STARTING
        return self.start_interval if soon else self.interval

    def judge(self, health: Health, result: Probed, age: int) -> Health:
        """Return the health after a result whose probe began when the run was `age` nanoseconds old."""
        log = (*health.log, result)[-LOG_ENTRIES:]
        if result.exit_code == PASSED:
            return replace(health, status=HEALTHY, streak=0, log=log)
        if health.status == STARTING and age < self.start_period:
            return replace(health, log=log)
        streak = health.streak + 1
        return replace(health, status=UNHEALTHY if streak >= self.retries else health.status, streak=streak, log=log)


HealthOf = Callable[[Record], Health | None]
"""Says how a container is: None without a check, or before its first run."""


def current(rec: Record, known: Health | None) -> Health | None:
    """Return how a container is; None without a check, or before its first run.

    A new run is starting from the moment it is one; of an ended run that nobody remembers no more is known.
    """
    if Check.of(rec.config) is None:
        return None
    if rec.alive and (known is None or known.generation != rec.generation):
        return Health(log=known.log if known is not None else (), generation=rec.generation)
    if known is None and rec.started_before:
        return Health(generation=rec.generation)
    return known


def show(health: Health) -> dict[str, Any]:
    """Return State.Health of inspect."""
    return {"Status": health.status, "FailingStreak": health.streak, "Log": [_show(result) for result in health.log]}


def _show(result: Probed) -> dict[str, Any]:
    return {
        "Start": _local_time(result.start),
        "End": _local_time(result.end),
        "ExitCode": result.exit_code,
        "Output": result.output,
    }


def _local_time(at_ns: int) -> str:
    """Return RFC 3339 in the engine's own zone, as Docker shows these times and no others."""
    seconds, fraction = divmod(at_ns, SECOND)
    whole = datetime.fromtimestamp(seconds).astimezone().isoformat()
    zone = "Z" if time.localtime(seconds).tm_gmtoff == 0 else whole[19:]
    digits = f"{fraction:09d}".rstrip("0")
    return f"{whole[:19]}.{digits}{zone}" if digits else f"{whole[:19]}{zone}"
