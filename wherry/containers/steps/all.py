"""The steps of a start in their order, for those who release: exit, removal, boot."""

import os
from dataclasses import dataclass

from wherry.base.offload import offload
from wherry.containers.hardware import Hardware, find_hardware, wants_hardware
from wherry.containers.links import linked_env
from wherry.containers.rollback import Releasable
from wherry.containers.steps.endpoints import Endpoints, Interfaces
from wherry.containers.steps.ipc import Ipc, Shared
from wherry.containers.steps.joins import Joined, Joins
from wherry.containers.steps.names import NameService
from wherry.containers.steps.netfiles import NetworkFiles
from wherry.containers.steps.netns import Netns
from wherry.containers.steps.rootfs import Root, Rootfs
from wherry.containers.steps.stdio import Streams
from wherry.containers.steps.task import Run, Task
from wherry.containers.steps.volumes import Volumes
from wherry.host.realtime import give_realtime
from wherry.model.container import MountPoint
from wherry.spec.cgroups import parent_group
from wherry.spec.facts import EngineFacts, Facts, NetFiles
from wherry.state.record import Record


@dataclass(frozen=True, slots=True)
class Steps:
    """Each step by name; `start.py` runs them in this order."""

    engine: EngineFacts
    joins: Joins
    rootfs: Rootfs
    volumes: Volumes
    ipc: Ipc
    netfiles: NetworkFiles
    netns: Netns
    endpoints: Endpoints
    interfaces: Interfaces
    names: NameService
    stdio: Streams
    task: Task
    run: Run

    @property
    def all(self) -> tuple[Releasable, ...]:
        """Every step, in the order of a start."""
        return (
            self.joins,
            self.rootfs,
            self.volumes,
            self.ipc,
            self.netfiles,
            self.netns,
            self.endpoints,
            self.interfaces,
            self.names,
            self.stdio,
            self.task,
            self.run,
        )

    def owed(self, rec: Record) -> list[Releasable]:
        """The steps whose release is still due for a record, in the order of a start."""
        return [step for step in self.all if step.name in rec.owed]

    async def facts(
        self,
        rec: Record,
        joined: Joined,
        root: Root,
        volumes: tuple[MountPoint, ...],
        shared: Shared,
        files: NetFiles,
    ) -> Facts:
        """What the steps found, and the hardware, as the spec takes it; System for hardware that is not there.

        The parents of the container's cgroup get their real time here, before the runtime asks them for some.
        """
        host, engine = rec.host_config, self.engine
        if engine.cpu_rt_period or engine.cpu_rt_runtime:
            parent = parent_group(rec.id, host, engine)
            await offload(give_realtime, parent, engine.cpu_rt_period, engine.cpu_rt_runtime)
        found = await offload(find_hardware, rec, engine.cdi_dirs) if wants_hardware(host) else Hardware()
        own = None if host.network_mode == "host" else rec.sandbox_key
        read_only = [point for point in volumes if not point.rw and point.type != "tmpfs"]
        return Facts(
            engine=engine,
            rootfs=root.path,
            user=root.user,
            netns=joined.paths.get("network", own),
            mounts=volumes,
            netfiles=files,
            shm=shared.shm,
            files=shared.files,
            devices=found.devices,
            disks=found.disks,
            edits=found.edits,
            cdi_devices=found.cdi_devices,
            joined=joined.paths,
            env=tuple(linked_env(joined.links)),
            single_files=await offload(_single_files, read_only) if read_only else frozenset(),
        )


def _single_files(points: list[MountPoint]) -> frozenset[str]:
    return frozenset(point.destination for point in points if not os.path.isdir(point.source))
