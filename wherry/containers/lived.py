"""How long a run lasted, whatever was done to the clock meanwhile."""

import time
from collections.abc import Callable

from wherry.state.record import Record


def boot_clock() -> int:
    """Return nanoseconds since the machine's boot, sleep included: a clock that nobody sets (clock_gettime(2))."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def lived(
    rec: Record, until: int, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = boot_clock
) -> int:
    """Return the nanoseconds from a run's start to a time of the wall clock; what that was set by does not count."""
    jump, passed = 0, steady() - rec.started_on_boot_clock
    if rec.started_on_boot_clock and passed >= 0:  # else the machine has been booted since
        jump = (wall() - rec.started_at) - passed
    return max(0, until - rec.started_at - jump)
