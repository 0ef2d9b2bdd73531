"""What a start cost and how a run ended, for people and for `wherry explain`: the key `Wherry` of inspect. Pure."""

import contextlib
import signal
from typing import Any

from wherry.base.units import SECOND
from wherry.state.record import Phase, Record

MILLISECOND = 1000
"""In the microseconds that steps are kept in."""


def receipt(rec: Record) -> dict[str, Any]:
    """Return the start's steps in milliseconds, and the end with its cause once there is one."""
    shown: dict[str, Any] = {}
    if rec.receipt.steps or rec.receipt.failed:
        steps = [{"Name": name, "Milliseconds": spent / MILLISECOND} for name, spent in rec.receipt.steps.items()]
        shown["Start"] = {
            "Steps": steps,
            "Milliseconds": rec.receipt.total / MILLISECOND,
            "FailedStep": rec.receipt.failed,
        }
    if rec.phase in (Phase.EXITED, Phase.RESTARTING) and rec.finished_at:
        shown["End"] = {"Cause": cause(rec), "Seconds": max(0, rec.finished_at - rec.started_at) / SECOND}
    return shown


def cause(rec: Record) -> str:
    """Return how the last run ended, in words."""
    if rec.oom_killed:
        return f"out of memory: the kernel killed a process of it; exit status {rec.exit_code}"
    number = rec.exit_code - 128
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        return f"signal {number} ({name}){', sent by hand' if rec.manually_stopped else ''}"
    return f"exit status {rec.exit_code}"


def server_timing(rec: Record) -> str:
    """Return the value of the header Server-Timing (https://www.w3.org/TR/server-timing/)."""
    return ", ".join(f"{name};dur={spent / MILLISECOND:.1f}" for name, spent in rec.receipt.steps.items())
