"""What a start cost and how a run ended, for people and for `wherry explain`: the key `Wherry` of inspect. Pure."""

import contextlib
import signal
from typing import Any

from wherry.base.units import SECOND
from wherry.containers.remedy import remedy
from wherry.containers.secrets import masked
from wherry.model.usage import Usage
from wherry.state.record import Phase, Record

MILLISECOND = 1000
"""In the microseconds that steps are kept in."""
NANOSECONDS = 1_000_000
"""In a millisecond."""


def receipt(rec: Record) -> dict[str, Any]:
    """Return the start's steps in milliseconds, and the end with its cause once there is one."""
    shown: dict[str, Any] = {}
    if rec.receipt.steps or rec.receipt.failed:
        shown["Start"] = _start(rec)
    if rec.phase in (Phase.EXITED, Phase.RESTARTING) and rec.finished_at and not rec.receipt.failed:
        kind, words = cause(rec)
        shown["End"] = {
            "Kind": kind,
            "Cause": words,
            "Seconds": max(0, rec.finished_at - rec.started_at) / SECOND,
            "Usage": _usage(rec.end.usage),
        }
    return shown


def _start(rec: Record) -> dict[str, Any]:
    steps = [{"Name": name, "Milliseconds": spent / MILLISECOND} for name, spent in rec.receipt.steps.items()]
    start = {"Steps": steps, "Milliseconds": rec.receipt.total / MILLISECOND, "FailedStep": rec.receipt.failed}
    if rec.receipt.failed:
        concerned, advice = remedy(rec, rec.receipt.failed, rec.error)
        start |= {
            "Kind": "runtime",
            "Error": masked(rec.error, rec),
            "Object": masked(concerned, rec),
            "Remedy": advice,
        }
    return start


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "CpuMilliseconds": _milliseconds(usage.cpu_total),
        "CpuUserMilliseconds": _milliseconds(usage.cpu_user),
        "CpuSystemMilliseconds": _milliseconds(usage.cpu_system),
        "PeakMemoryBytes": usage.memory_peak,
        "ReadBytes": usage.read_bytes,
        "WriteBytes": usage.write_bytes,
    }


def _milliseconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / NANOSECONDS


def cause(rec: Record) -> tuple[str, str]:
    """Return how the last run ended: `oom`, `unseen`, `lost`, `engine`, `signal` or `exit`, and the same in words."""
    if rec.oom_killed:
        who = rec.end.victim or "a process of it"
        return "oom", f"out of memory: the kernel killed {who}; exit status {rec.exit_code}"
    if rec.end.unseen:
        return "unseen", "nobody saw it end: the engine, containerd or the machine was down"
    if rec.end.note:
        return "lost", rec.end.note
    how = _signal(rec.exit_code)
    if rec.end.by_engine:
        return "engine", f"stopped by the engine: {how or f'exit status {rec.exit_code}'}"
    if how:
        return "signal", f"{how}{', sent by hand' if rec.manually_stopped else ''}"
    return "exit", f"exit status {rec.exit_code}"


def _signal(code: int) -> str:
    with contextlib.suppress(ValueError):
        return f"signal {code - 128} ({signal.Signals(code - 128).name})"
    return ""


def server_timing(rec: Record) -> str:
    """Return the value of the header Server-Timing (https://www.w3.org/TR/server-timing/)."""
    return ", ".join(f"{name};dur={spent / MILLISECOND:.1f}" for name, spent in rec.receipt.steps.items())
