"""Updating limits and the restart policy of a container, applied whole or not at all (start.md 7.8, api 3.11)."""

from typing import Any

import msgspec

from wherry.base.errors import Conflict, EngineError, System
from wherry.containers.defaults import Kernel
from wherry.containers.limits import check_limits
from wherry.containers.news import News
from wherry.containers.validate import check_restart_policy
from wherry.model.container import HostConfig
from wherry.runtimes.tier import TierOf
from wherry.spec.cgroups import build_limits
from wherry.spec.facts import EngineFacts
from wherry.state.record import Phase, Record
from wherry.state.store import Store

FIELDS = (
    "cpu_shares",
    "nano_cpus",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "memory",
    "memory_swap",
    "memory_reservation",
    "cpu_realtime_period",
    "cpu_realtime_runtime",
    "blkio_weight",
)
DISKS_LEFT = dict.fromkeys(
    (
        "blkio_weight_device",
        "blkio_device_read_bps",
        "blkio_device_write_bps",
        "blkio_device_read_iops",
        "blkio_device_write_iops",
    )
)
"""Limits of single disks, which an update leaves as they are (api-containers.md 3.16)."""

"""What an update takes over unless it is zero or empty; `pids_limit` and the restart policy have rules of their own."""


class Update:
    """The verb."""

    def __init__(self, store: Store, tier: TierOf, news: News, kernel: Kernel, engine: EngineFacts) -> None:
        """Take the records, the tier, who is told, and what this machine can limit."""
        self._store = store
        self._tier = tier
        self._news = news
        self._kernel = kernel
        self._engine = engine

    async def __call__(self, ref: str, wanted: HostConfig) -> dict[str, Any]:
        """Update; InvalidParameter before the container is looked up, then Conflict, then what the runtime says."""
        wanted, warnings = check_wanted(wanted, self._kernel)
        async with self._store.exclusive(self._store.get(ref).id) as slot:
            rec = slot.rec
            if rec.phase in (Phase.REMOVING, Phase.DEAD):
                raise Conflict(
                    f'Cannot update container {rec.id}: container is marked for removal and cannot be "update"'
                )
            try:
                merged = merge(rec, wanted)
            except Conflict as error:
                raise Conflict(f"Cannot update container {rec.id}: {error}") from error
            await slot.save(host_config=merged)
            if rec.alive:
                try:
                    await self._apply(rec.id, merged)
                except EngineError as error:
                    await slot.save(host_config=rec.host_config)
                    raise System(f"Cannot update container {rec.id}: {error}") from error
            self._news.container(slot.rec, "update")
        return {"Warnings": warnings or None}

    async def _apply(self, ident: str, merged: HostConfig) -> None:
        limits = msgspec.structs.replace(merged, **DISKS_LEFT)
        resources = build_limits(limits, {}, self._engine)
        if merged.memory_swap < 0:  # a new container has no limit anyway; this one may have to lose it
            resources.setdefault("memory", {})["swap"] = merged.memory_swap
        await self._tier(ident).update(ident, msgspec.json.encode(resources))


def check_wanted(wanted: HostConfig, kernel: Kernel) -> tuple[HostConfig, list[str]]:
    """Return what is asked, as this kernel can have it, and warnings; InvalidParameter in Docker's words."""
    swap_alone = not wanted.memory and wanted.memory_swap > 0  # the limit that it goes with may be there already
    check_restart_policy(wanted.restart_policy)
    checked, warnings = check_limits(msgspec.structs.replace(wanted, memory_swap=0) if swap_alone else wanted, kernel)
    return (msgspec.structs.replace(checked, memory_swap=wanted.memory_swap) if swap_alone else checked), warnings


def merge(rec: Record, wanted: HostConfig) -> HostConfig:
    """Return the HostConfig with what is asked; Conflict in Docker's words."""
    old = rec.host_config
    _check_cpus(old, wanted)
    changes: dict[str, Any] = {name: value for name in FIELDS if (value := getattr(wanted, name))}
    limit, swap = wanted.memory or old.memory, wanted.memory_swap or old.memory_swap
    if limit > swap > 0:
        raise Conflict(
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    if wanted.pids_limit is not None:
        changes["pids_limit"] = max(wanted.pids_limit, 0)
    if wanted.restart_policy.name:
        if old.auto_remove:
            raise Conflict("Restart policy cannot be updated because AutoRemove is enabled for the container")
        changes["restart_policy"] = wanted.restart_policy
    return msgspec.structs.replace(old, **changes)


def _check_cpus(old: HostConfig, wanted: HostConfig) -> None:
    for asked, there, words in (
        (wanted.nano_cpus, old.cpu_period, "Nano CPUs cannot be updated as CPU Period has already been set"),
        (wanted.nano_cpus, old.cpu_quota, "Nano CPUs cannot be updated as CPU Quota has already been set"),
        (wanted.cpu_period, old.nano_cpus, "CPU Period cannot be updated as NanoCPUs has already been set"),
        (wanted.cpu_quota, old.nano_cpus, "CPU Quota cannot be updated as NanoCPUs has already been set"),
    ):
        if asked and there:
            raise Conflict(f"Conflicting options: {words}")
