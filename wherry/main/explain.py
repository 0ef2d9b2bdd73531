"""`wherry explain CONTAINER`: where its start spent the time, and how its run ended."""

from collections.abc import Callable
from typing import Any

from wherry.main.client import Client

WIDTH = 40


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
        lines += _start(start, state["Error"])
    end = receipt.get("End")
    if end is not None:
        lines.append(f"Its run ended after {end['Seconds']:.3f} s: {end['Cause']}.")
    return lines


def _start(start: dict[str, Any], error: str) -> list[str]:
    steps = start["Steps"]
    most = max((step["Milliseconds"] for step in steps), default=0.0) or 1.0
    lines = [f"Its last start took {start['Milliseconds']:.1f} ms; steps may run beside each other:"]
    for step in steps:
        bar = "#" * round(WIDTH * step["Milliseconds"] / most)
        lines.append(f"  {step['Name']:<10} {step['Milliseconds']:>8.1f} ms  {bar}".rstrip())
    if start["FailedStep"]:
        lines.append(f"It failed at step {start['FailedStep']}: {error}")
    return lines
