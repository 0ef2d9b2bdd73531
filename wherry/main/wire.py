"""Every object of the engine, built by hand, in order: the map of the program."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from wherry.api.services import Services
from wherry.base.events import EventBus
from wherry.base.metrics import Metrics, Moment
from wherry.base.offload import offload
from wherry.base.retries import Retries
from wherry.base.tasks import Supervisor
from wherry.containerd.channel import Channel
from wherry.containerd.containers import Containers as ContainerdContainers
from wherry.containerd.content import Content
from wherry.containerd.diff import Diff
from wherry.containerd.images import Images
from wherry.containerd.leases import Leases
from wherry.containerd.snapshots import Snapshots
from wherry.containerd.tasks import LAUNCH_DEADLINE, Tasks
from wherry.containerd.version import version
from wherry.containers.ahead import Ahead
from wherry.containers.attach import Attach
from wherry.containers.checkpoint import Checkpoints
from wherry.containers.connect import Connect
from wherry.containers.create import Create
from wherry.containers.exec import Exec, Processes
from wherry.containers.execs import Execs
from wherry.containers.exits import Exits
from wherry.containers.hub import Hub
from wherry.containers.inspect import Inspect
from wherry.containers.kill import Kill, stop_signal
from wherry.containers.layer import Layers
from wherry.containers.layout import Layout
from wherry.containers.listing import Listing
from wherry.containers.logs import Logs
from wherry.containers.monitors import Monitors
from wherry.containers.mountsweep import MountSweep
from wherry.containers.news import News
from wherry.containers.notices import Notices
from wherry.containers.oom import OomWatch
from wherry.containers.pause import Pause
from wherry.containers.policy import Restarts
from wherry.containers.probe import Prober
from wherry.containers.prune import Prune
from wherry.containers.recover import Recover
from wherry.containers.remove import Remove
from wherry.containers.rename import Rename
from wherry.containers.restart import Restart
from wherry.containers.restore import Restore
from wherry.containers.settle import Settle
from wherry.containers.sizes import Sizes
from wherry.containers.start import Start
from wherry.containers.steps.all import Steps
from wherry.containers.steps.endpoints import Endpoints, Interfaces
from wherry.containers.steps.ipc import Ipc
from wherry.containers.steps.joins import Joins
from wherry.containers.steps.names import NameService
from wherry.containers.steps.netfiles import NetworkFiles
from wherry.containers.steps.netns import Netns
from wherry.containers.steps.rootfs import Rootfs
from wherry.containers.steps.stdio import Streams
from wherry.containers.steps.task import Run, Task
from wherry.containers.steps.volumes import Volumes
from wherry.containers.stop import Stop, grace
from wherry.containers.strangers import Strangers
from wherry.containers.sweep import Sweep
from wherry.containers.top import Top
from wherry.containers.turns import Turns, slots
from wherry.containers.underway import UnderWay
from wherry.containers.unpacked import Unpacked
from wherry.containers.update import Update
from wherry.containers.verbs import Containers
from wherry.containers.wait import Wait
from wherry.containers.waiters import Waiters
from wherry.host.facts import HostFacts
from wherry.host.groups import Groups
from wherry.host.hangup import HangupWatch
from wherry.host.moves import Moves, move_here, own_cgroup
from wherry.host.usage import Accounts
from wherry.host.zygote import Zygote
from wherry.images.registry import Registry
from wherry.images.store import ImageStore, ImageUse
from wherry.main.config import Config
from wherry.main.engine_facts import defaults, gather
from wherry.main.identity import MARK
from wherry.main.logs import set_log_level
from wherry.main.reload import Taker
from wherry.main.system import Sources, System, registries_of
from wherry.model.usage import Usage
from wherry.names.service import Names
from wherry.network.apply import delete_set_aside
from wherry.network.config import NetworkConfig
from wherry.network.registry import NetworkRegistry
from wherry.network.service import Networking
from wherry.network.unlink import Unlinker
from wherry.runtimes.criu import CriuTars
from wherry.runtimes.direct import Direct
from wherry.runtimes.registry import Host, Runtimes
from wherry.runtimes.scripts import Scripts
from wherry.runtimes.shim import Shim
from wherry.runtimes.tier import Tier
from wherry.spec.cgroups import SYSTEMD, cgroups_path, group_path
from wherry.state.record import Phase, Record
from wherry.state.store import Store
from wherry.streams.keepers import Keeper, Keepers, Notice
from wherry.volumes.local import LocalVolumes
from wherry.volumes.registry import VolumeRegistry

SNAPSHOTTER = "overlayfs"
DRAIN_SECONDS = 10.0
"""How long flows under way may take once the engine goes down."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What lifetime.py starts and stops."""

    services: Services
    networks: NetworkRegistry
    volumes: VolumeRegistry
    runtimes: Runtimes
    recover: Recover
    store: Store
    stopper: Stop
    supervisor: Supervisor
    hangups: HangupWatch
    images: ImageStore
    resolver: Names
    names: NameService
    restarts: Restarts
    monitors: Monitors
    ooms: OomWatch
    strangers: Strangers
    metrics: Metrics
    mount_sweep: MountSweep
    ahead: Ahead
    bus: EventBus
    takers: tuple[Taker, ...]
    """Who takes a new configuration, a line each."""

    async def prepare(self, config: Config) -> None:
        """Bring runtimes to what the configuration says: then the engine can tell of itself."""
        self.ooms.watch()
        self.strangers.watch()
        self.store.faults.at("boot.runtimes")
        await offload(self.runtimes.configure, config.runtimes, config.default_runtime)

    async def restore(self, config: Config) -> None:
        """Bring networks, volumes and containers to what the records say."""
        at = self.store.faults.at
        at("boot.networks")
        await self.networks.boot()
        at("boot.volumes")
        await self.volumes.boot()
        at("boot.names")
        await self.names.boot()
        at("boot.records")
        await self.recover(config.live_restore)
        at("boot.done")
        holding = (rec for rec in self.store.all() if rec.alive or rec.owed or rec.phase is Phase.STARTING)
        await offload(self.runtimes.sweep, {rec.host_config.runtime for rec in holding})
        self.ahead.soon()

    def moment(self) -> Moment:
        """What a scrape of the metrics counts anew."""
        records = tuple(self.store.all())
        states = Counter(_state(rec) for rec in records)
        owed = sum(len(rec.owed) for rec in records)
        return Moment(
            states=states,
            owed=owed,
            events=self.bus.published,
            readers=self.bus.readers,
            leftover_mounts=self.mount_sweep.leftover_mounts,
        )

    def running(self) -> list[Record]:
        """The containers that run."""
        return [rec for rec in self.store.all() if rec.alive]

    async def stop_containers(self, seconds: int) -> None:
        """Stop all containers at once, each with its own grace, within the shutdown's (negative: no limit)."""
        running = self.running()
        if not running:
            return
        most = max([seconds, *(grace(rec, None) + 5 for rec in running)])
        flows = [asyncio.ensure_future(self._stop(rec)) for rec in running]
        await asyncio.wait(flows, timeout=None if seconds < 0 else most)

    async def _stop(self, rec: Record) -> None:
        await self.stopper.stop(rec, stop_signal(rec), grace(rec, None), by_hand=False)

    async def close(self) -> None:
        """End the flows that are left."""
        await self.monitors.close()
        await self.images.close()
        await self.supervisor.drain(DRAIN_SECONDS)
        await self.resolver.stop()
        self.hangups.close()


def wire(config: Config, ident: str, host: HostFacts, zygote: Zygote, channel: Channel, store: Store) -> Engine:
    """Build the engine; nothing has an effect before `Engine.boot`."""
    mark = {MARK: ident}
    bus, supervisor, waiters, execs = EventBus(), Supervisor(), Waiters(), Execs()
    hangups = HangupWatch()
    hub = Hub(hangups)
    metrics = Metrics()
    news = News(bus, lambda start: metrics.started(start.steps, start.total))
    layout = Layout(config.data_root, config.exec_root)
    engine_facts = gather(config, host)
    create_defaults = defaults(config, host, engine_facts)

    content, leases, snapshots = Content(channel), Leases(channel), Snapshots(channel, SNAPSHOTTER)
    containers = ContainerdContainers(channel)
    shim = Shim(containers, Tasks(channel), mark)

    def tier(ident: str) -> Tier:
        rec = store.by_id(ident)
        return direct if rec is not None and rec.direct else shim

    async def run_elsewhere(argv: list[str], environ: Mapping[str, str]) -> None:
        await zygote.order("run", {"argv": argv, "environ": environ}, deadline=LAUNCH_DEADLINE)

    systemd = engine_facts.cgroup_driver == SYSTEMD
    runtimes = Runtimes(_runtime_host(config, host, systemd), Scripts(f"{config.data_root}/runtimes"))
    volumes = VolumeRegistry(LocalVolumes(config.data_root), store.all, bus, supervisor)
    networking, retries = Networking(_network_config(config, ident), store.all), Retries(supervisor)
    unlinker = Unlinker(supervisor, retries, store.faults, delete_set_aside)
    networks = NetworkRegistry(networking, store.networks, store.all, bus, supervisor, store.faults)
    images = ImageStore(
        content,
        Images(channel),
        snapshots,
        leases,
        Diff(channel),
        bus,
        lambda: [_use(rec) for rec in store.all()],
        layout.spool,
        mark,
        Registry(registries_of(config)),
        config.max_concurrent_downloads,
        metrics.image_actions,
    )

    def heed(keeper: Keeper, notice: Notice) -> None:
        notices.heed(keeper, notice)

    keepers = Keepers(zygote, config.exec_root, heed)
    criu_tars = CriuTars(content, layout.spool)
    direct = Direct(keepers.of, keepers.runs, run_elsewhere, Groups(), group_path, os.environ, criu_tars)
    streams = Streams(keepers, hub, execs, layout)
    moves = Moves(own_cgroup(), move_here)
    processes = Processes(tier, hub, news, supervisor, engine_facts.capabilities, moves.near)
    ooms = OomWatch(store, channel, news, supervisor)
    notices = Notices(store, tier, streams, execs, processes, news, supervisor, ooms.killed, metrics)
    unpacked = Unpacked(layout.containerd_temp)
    restore = Restore(content, criu_tars, leases, layout, unpacked, mark)
    netfiles, resolver = NetworkFiles(networking, layout, config.dns), Names(zygote, config.exec_root, supervisor)
    endpoints = Endpoints(networking, unlinker, layout, news, metrics, store.all)
    steps = Steps(
        engine=engine_facts,
        joins=Joins(store, tier, layout),
        rootfs=Rootfs(snapshots, layout),
        volumes=Volumes(volumes, layout, news),
        ipc=Ipc(layout),
        netfiles=netfiles,
        netns=Netns(zygote, layout, store.all),
        endpoints=endpoints,
        interfaces=Interfaces(endpoints),
        names=NameService(resolver, netfiles, store.all),
        stdio=streams,
        task=Task(tier, restore),
        run=Run(tier, restore),
    )

    async def start_again(ident: str) -> None:
        await starter.again(ident)

    restarts = Restarts(store, supervisor, start_again)
    maker = Exec(store, execs, processes, layout, news, moves.soon)
    monitors = Monitors(store, Prober(maker, execs, processes, supervisor, metrics), news, supervisor)
    pause = Pause(store, tier, news, monitors)
    turns = Turns(slots(host.cpus, host.memory))
    under_way = UnderWay(turns, moves.near)
    kill = Kill(store, tier, waiters, news, restarts, pause, under_way)
    stop = Stop(store, kill, waiters, news)
    accounts = Accounts()

    def usage(rec: Record) -> Usage | None:
        return accounts.read(group_path(cgroups_path(rec.id, rec.host_config, engine_facts)))

    def settle_later(ident: str) -> None:
        settle.later(ident)

    remove = Remove(
        store, steps, snapshots, volumes, layout, kill, waiters, news, restarts, monitors, execs,
        settle_later,
    )  # fmt: skip
    settle = Settle(store, steps, remove, restarts, retries)
    exits = Exits(store, tier, steps, waiters, news, remove, supervisor, restarts, monitors, usage, settle)
    mount_sweep, ahead = MountSweep(layout), Ahead(supervisor, keepers.prepare, steps.netns.prepare)
    starter = Start(
        store,
        steps,
        layout,
        exits,
        hub,
        news,
        remove,
        restarts,
        monitors,
        under_way,
        create_defaults,
        runtimes,
        mount_sweep,
        settle,
        ahead,
        turns,
        supervisor,
    )
    logs = Logs(store, layout, waiters)
    sizes = Sizes(snapshots)
    place = (channel.address, channel.namespace)
    sweep = Sweep(store, shim, direct, containers, snapshots, leases, keepers, layout, (MARK, ident), place)
    creator = Create(
        images, store, Layers(snapshots, mark), volumes, news, create_defaults, runtimes, networking.known, moves.soon
    )
    verbs = Containers(
        store=store,
        supervisor=supervisor,
        tier=tier,
        creator=creator,
        starter=starter,
        restarter=Restart(store, stop, starter, restarts, news),
        pauser=pause,
        renamer=Rename(store, news, steps.names),
        updater=Update(store, tier, news, create_defaults.kernel, engine_facts),
        toplister=Top(store, tier, news),
        pruner=Prune(store, remove, sizes, bus),
        stopper=stop,
        killer=kill,
        remover=remove,
        waiter=Wait(store, waiters),
        inspector=Inspect(store, execs, layout, sizes, monitors.of, create_defaults, under_way),
        lister=Listing(store, images.ids, sizes, monitors.of),
        reader=logs,
        attacher=Attach(store, hub, logs, news),
        connector=Connect(store, networking, steps.endpoints, steps.names, steps.netns),
        news=news,
        metrics=metrics,
    )
    checkpoints = Checkpoints(store, supervisor, tier, criu_tars, leases, layout, unpacked, monitors, news, mark)
    recover = Recover(store, tier, settle, keepers, hub, exits, stop, sweep, restarts, monitors, retries, shim.states)
    system = System(
        Sources(
            config=config,
            engine_id=ident,
            host=host,
            records=store.all,
            count_images=images.count,
            containerd_version=lambda: version(channel),
            containerd_address=lambda: channel.address,
            cgroup_driver=engine_facts.cgroup_driver,
            count_event_readers=lambda: bus.readers,
            times=metrics.host_info,
            runtimes=runtimes,
            restoring=lambda: recover.progress,
        )
    )
    return Engine(
        services=Services(verbs, checkpoints, maker, images, networks, volumes, system, bus),
        networks=networks,
        volumes=volumes,
        runtimes=runtimes,
        recover=recover,
        store=store,
        stopper=stop,
        supervisor=supervisor,
        hangups=hangups,
        images=images,
        resolver=resolver,
        names=steps.names,
        restarts=restarts,
        monitors=monitors,
        ooms=ooms,
        strangers=Strangers(store, shim, sweep, channel, supervisor, retries),
        metrics=metrics,
        mount_sweep=mount_sweep,
        ahead=ahead,
        bus=bus,
        takers=(
            lambda new: partial(set_log_level, new),
            lambda new: partial(system.configure, new),
            lambda new: partial(creator.configure, defaults(new, host, engine_facts)),
            lambda new: runtimes.prepare(new.runtimes, new.default_runtime),
            lambda new: partial(images.configure, registries_of(new), new.max_concurrent_downloads),
        ),
    )


def _runtime_host(config: Config, host: HostFacts, systemd: bool) -> Host:
    return Host(
        exec_root=config.exec_root,
        systemd_cgroup=systemd,
        no_pivot_root=bool(os.environ.get("DOCKER_RAMDISK")),
        unified=host.cgroups.version == 2,
        same_path=not config.containerd,
    )


def _network_config(config: Config, ident: str) -> NetworkConfig:
    return NetworkConfig(
        bridge=config.bridge,
        bip=config.bip,
        mtu=config.mtu,
        iptables=config.iptables,
        ip_forward=config.ip_forward,
        ip_masq=config.ip_masq,
        dns=config.dns,
        engine_id=ident,
    )


def _state(rec: Record) -> str:
    """Return the state as Docker counts it: what is restarting is stopped."""
    return "paused" if rec.phase is Phase.PAUSED else "running" if rec.alive else "stopped"


def _use(rec: Record) -> ImageUse:
    return ImageUse(rec.id, rec.image_id, rec.config.image, rec.alive, rec.image_manifest.digest)
