"""What a start settles once its spec is built, before the runtime is asked (start.md S12, S13, S15). Pure.

Docker keeps the settings of the last start until here, and so do we: a mount, a network or a spec that fails leaves
them as they were.
"""

from typing import Any

import msgspec

from wherry.base.errors import Conflict
from wherry.runtimes.registry import Runtime, Runtimes
from wherry.spec.security import UNCONFINED, apparmor_profile
from wherry.state.record import Record


def prepare(rec: Record, by_hand: bool, apparmor: bool, runtimes: Runtimes) -> tuple[Record, Runtime]:
    """Return the record as the next move is to store it, and the runtime that its task gets.

    `by_hand` tells a start of the user's from one by policy, `apparmor` whether this kernel has it. InvalidParameter
    for a bad security option, and for a runtime that the configuration no longer has; Conflict for one that a reload
    has moved to another tier since the start began.
    """
    changes: dict[str, Any] = {"apparmor_profile": _apparmor(rec) if apparmor else ""}
    if by_hand:
        changes |= {"restart_count": 0, "manually_stopped": False}
    runtime = runtimes.choose(rec.host_config.runtime)
    if bool(runtime.direct_root) is not rec.direct:
        raise Conflict(f"the configuration of runtime {runtime.name} has changed during the start: start it again")
    if not rec.host_config.runtime:  # of a record that an older engine made
        changes["host_config"] = msgspec.structs.replace(rec.host_config, runtime=runtime.name)
    return msgspec.structs.replace(rec, **changes), runtime


def _apparmor(rec: Record) -> str:
    """What is shown, as Docker shows it: a privileged container is unconfined, though its spec has what was asked."""
    asked = apparmor_profile(rec.host_config)
    return UNCONFINED if rec.host_config.privileged else asked
