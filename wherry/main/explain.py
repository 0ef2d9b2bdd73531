"""`wherry explain CONTAINER`: where its start spent the time, and how its run ended."""

from collections.abc import Callable
from typing import Any

from wherry.main.client import Client

WIDTH = 40
MEBIBYTE = 1 << 20


def run(client: Client, ref: str, say: Callable[[str], None]) -> int:
    """Print what the engine knows and return the exit status."""
    found = client.call("GET", f"/containers/{ref}/json")
    for line in explain(found):
        say(line)
    return 0


def explain(found: dict[str, Any]) -> list[str]:
    """Return the lines for an answer of inspect."""
    receipt, state = found.get("Wherry", {}), found["State"]
    lines = [f"{found['Name'].removeprefix('/')}  {found['Id'][:12]}  {state['Status']}  {found['Config']['Image']}"]
    start = receipt.get("Start")
    if start is None:
        lines.append("It was never started.")
    else:
        lines += _start(start)
    end = receipt.get("End")
    if end is not None:
        lines.append(f"Its run ended after {end['Seconds']:.3f} s: {end['Cause']}.")
        lines += _used(end["Usage"] or {})
    return lines


def _start(start: dict[str, Any]) -> list[str]:
    steps = start["Steps"]
    most = max((step["Milliseconds"] for step in steps), default=0.0) or 1.0
    lines = [f"Its last start took {start['Milliseconds']:.1f} ms; steps may run beside each other:"]
    for step in steps:
        bar = "#" * round(WIDTH * step["Milliseconds"] / most)
        lines.append(f"  {step['Name']:<10} {step['Milliseconds']:>8.1f} ms  {bar}".rstrip())
    if start["FailedStep"]:
        lines.append(f"It failed at step {start['FailedStep']}, {start['Object']}: {start['Error']}")
        lines.append(f"What helps: {start['Remedy']}.")
    return lines


def _used(usage: dict[str, Any]) -> list[str]:
    """Return what the run has used; what the kernel did not count is left out."""
    parts = []
    if usage.get("CpuMilliseconds") is not None:
        split = "".join(
            f", {name} {usage[key]:.1f}"
            for name, key in (("user", "CpuUserMilliseconds"), ("system", "CpuSystemMilliseconds"))
            if usage[key] is not None
        )
        parts.append(f"CPU {usage['CpuMilliseconds']:.1f} ms{split}")
    parts += [
        f"{words} {usage[key] / MEBIBYTE:.1f} MiB"
        for words, key in (("peak memory", "PeakMemoryBytes"), ("read", "ReadBytes"), ("written", "WriteBytes"))
        if usage.get(key) is not None
    ]
    return [f"It used {'; '.join(parts)}."] if parts else []
