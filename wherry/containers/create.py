"""Creating a container: check the request, find the image, fill in what is silent, store the record.

The order is Docker's, because the first failure is what the client sees (api-containers.md 3.1). `check_request` and
`prepare` are pure; only `Create` has effects: volumes, a snapshot, a record.
"""

import dataclasses
import posixpath
import random
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from wherry.base.errors import Conflict, InvalidParameter, NotFound, Unimplemented
from wherry.base.ids import check_name, new_id, short
from wherry.base.offload import offload
from wherry.containers.defaults import Defaults, Version, fill_host_config, merge_image, with_protocols
from wherry.containers.donors import settle_donors
from wherry.containers.layer import Layer, Layers
from wherry.containers.links import settle_links
from wherry.containers.names import random_names
from wherry.containers.news import News
from wherry.containers.platforms import check_platform
from wherry.containers.unsupported import refuse_unsupported
from wherry.containers.validate import check_combinations, validate
from wherry.containers.wishes import Find, Wishes, settle_wishes
from wherry.images.platforms import parse_platform
from wherry.model.container import (
    ContainerConfig,
    Created,
    CreateRequest,
    HostConfig,
    MountPoint,
    NetworkingConfig,
    RestartPolicy,
)
from wherry.model.image import Descriptor, ImageConfig, Platform
from wherry.runtimes.registry import Runtimes
from wherry.state.record import Record
from wherry.state.store import Store
from wherry.streams import drivers
from wherry.volumes.inherit import inherit
from wherry.volumes.mountpoints import resolve_mountpoints
from wherry.volumes.realise import check_sources
from wherry.volumes.wishes import driver_warnings


class ImageFacts(Protocol):
    """What create reads of an image (images.Image)."""

    @property
    def target(self) -> Descriptor:
        """What the name points at: an index or a manifest."""
        ...

    @property
    def manifest(self) -> Descriptor:
        """The manifest of this host's platform."""
        ...

    @property
    def config(self) -> ImageConfig:
        """The config blob."""
        ...

    @property
    def chain_id(self) -> str:
        """The snapshot of the top layer."""
        ...


class Images(Protocol):
    """Finds images (images.ImageStore)."""

    async def resolve(self, ref: str, /) -> ImageFacts:
        """Return the image; NotFound in Docker's words."""
        ...

    async def unpack(self, ref: str, /) -> None:
        """Make the snapshots of its layers."""
        ...


class Volumes(Protocol):
    """Makes the volumes of a container (volumes.VolumeRegistry)."""

    def claimed(self, rec: Record) -> AbstractAsyncContextManager[None]:
        """Hold them while the container is created; they are given back when it was not."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that Docker would accept and this engine can honour, before the image has a say."""

    config: ContainerConfig
    host_config: HostConfig
    wishes: Wishes
    version: Version
    warnings: tuple[str, ...]
    late_warnings: tuple[str, ...]
    """Those of the endpoints and volume drivers, which Docker puts last."""


def check_request(request: CreateRequest, version: Version, defaults: Defaults, find: Find) -> Checked:
    """Steps 3 to 12; InvalidParameter in Docker's words, Unimplemented for what is not honoured yet."""
    config = ContainerConfig(**{name: getattr(request, name) for name in ContainerConfig.__struct_fields__})
    if config == ContainerConfig():
        raise InvalidParameter("config cannot be empty in order to create a container")
    host = request.host_config or HostConfig()
    check_combinations(config, host, defaults.kernel)
    host, warnings = validate(_settle(host, config.network_disabled), config, defaults)
    refuse_unsupported(request)
    networking = request.networking_config or NetworkingConfig()
    wishes, late = settle_wishes(config.mac_address, host.network_mode, networking, version, find)
    late += driver_warnings(host, version)
    return Checked(config, host, {} if config.network_disabled else wishes, version, tuple(warnings), tuple(late))


def with_runtime(checked: Checked, runtimes: Runtimes) -> Checked:
    """Return the request with the name of its runtime filled in; InvalidParameter in Docker's words for none."""
    runtime = runtimes.choose(checked.host_config.runtime)
    warnings = (*checked.warnings, runtime.warning) if runtime.warning else checked.warnings
    host = msgspec.structs.replace(checked.host_config, runtime=runtime.name)
    return replace(checked, host_config=host, warnings=warnings)


def _settle(host: HostConfig, network_disabled: bool) -> HostConfig:
    """Return the HostConfig with the words that mean a default written out.

    Without a network there is nothing to share: NetworkDisabled wins over a mode that would share one.
    """
    policy = host.restart_policy
    shares = host.network_mode == "host" or host.network_mode.startswith("container:")
    mode = "none" if network_disabled and shares else host.network_mode
    return msgspec.structs.replace(
        host,
        network_mode="bridge" if mode in ("", "default") else mode,
        port_bindings=with_protocols(host.port_bindings),
        restart_policy=RestartPolicy(name=policy.name or "no", maximum_retry_count=policy.maximum_retry_count),
    )


def prepare(
    checked: Checked,
    image: ImageFacts,
    defaults: Defaults,
    ident: str,
    now_ns: int,
    inherited: Iterable[MountPoint] = (),
) -> tuple[Record, list[str]]:
    """Steps 13 to 19: the record, without a name yet, and all warnings; InvalidParameter in Docker's words.

    `inherited` are mounts of other containers.
    """
    host = fill_host_config(checked.host_config, defaults, checked.version)
    config = merge_image(checked.config, image.config.config)
    command = [*(config.entrypoint or ()), *(config.cmd or ())]
    if not command:
        raise InvalidParameter("no command specified")
    drivers.validate(host.log_config.type, host.log_config.config or {})
    config = msgspec.structs.replace(
        config,
        hostname=config.hostname or (defaults.host_name if host.network_mode == "host" else short(ident)),
        working_dir=_clean(config.working_dir),
    )
    record = Record(
        id=ident,
        name="",
        created=now_ns,
        config=config,
        host_config=host,
        endpoints_wished=checked.wishes,
        path=command[0],
        args=command[1:],
        image_id=image.target.digest,
        image_manifest=image.manifest,
        image_chain=image.chain_id,
        mounts=resolve_mountpoints(config, host, data_root=defaults.data_root, inherited=inherited),
    )
    return record, [*checked.warnings, *checked.late_warnings]


def _clean(path: str) -> str:
    """Return an absolute path without `.`, `..` and doubled slashes; empty stays empty."""
    return posixpath.normpath("/" + path.lstrip("/")) if path else ""


class Create:
    """The verb; its caller runs it in a task of its own, so that a client that hangs up does not cut it."""

    def __init__(
        self,
        images: Images,
        store: Store,
        layers: Layers,
        volumes: Volumes,
        news: News,
        defaults: Defaults,
        runtimes: Runtimes,
        find: Find,
        soon: Callable[[], None],
    ) -> None:
        """Take the collaborators.

        `soon` prepares for the start that may follow (host/moves.py).
        """
        self._soon = soon
        self._find = find
        self._images = images
        self._store = store
        self._layers = layers
        self._volumes = volumes
        self._news = news
        self._defaults = defaults
        self._runtimes = runtimes
        self._chance = random.Random()

    def configure(self, defaults: Defaults) -> None:
        """Take other defaults for containers to come."""
        self._defaults = defaults

    async def __call__(self, name: str, request: CreateRequest, platform: str, version: Version) -> Created:
        """Create; the first failure of Docker's order is raised, and nothing is left behind then."""
        checked = with_runtime(check_request(request, version, self._defaults, self._find), self._runtimes)
        wanted = parse_platform(platform, self._defaults.platform)
        ident, created = new_id(), time.time_ns()
        layer = self._layers.begin(ident, created, checked.config.image)
        try:
            made = await self._create(ident, created, name, checked, wanted, layer)
        except BaseException as error:
            if self._store.by_id(ident) is None:  # a record that was stored stays, everything else is given back
                await layer.give_back(error)
            raise
        return made

    async def _create(
        self, ident: str, created: int, name: str, checked: Checked, wanted: Platform | None, layer: Layer
    ) -> Created:
        image = await self._find_image(checked.config)
        warnings = check_platform(checked.config.image, _platform_of(image), wanted, self._defaults.platform)
        host = settle_donors(checked.host_config, name, self._store.get)
        checked = dataclasses.replace(checked, host_config=host)
        inherited = tuple(inherit(host.volumes_from or (), self._store.get))
        rec, said = prepare(checked, image, self._defaults, ident, created, inherited)
        rec = msgspec.structs.replace(rec, links=settle_links(host, self._store.get))
        given = check_name(name) if name else ""
        self._soon()
        await offload(self._runtimes.choose(rec.host_config.runtime).check_program)
        if rec.mounts:
            await offload(check_sources, rec.mounts)
        async with self._volumes.claimed(rec):
            rec = await self._commit(rec, given, layer)
        self._news.container(rec, "create")
        return Created(id=rec.id, warnings=[*warnings, *said])

    async def _find_image(self, config: ContainerConfig) -> ImageFacts:
        if config.image:
            return await self._images.resolve(config.image)
        if not (config.cmd or config.entrypoint):
            raise InvalidParameter("no command specified")
        raise Unimplemented("a container without an image (Config.Image is empty) is not supported by this engine yet")

    async def _commit(self, rec: Record, name: str, layer: Layer) -> Record:
        """Take what the container owns from now on."""
        try:
            await layer.have(rec.image_chain)
        except NotFound:  # others have put the image into the store, and did not unpack it (`ctr images pull`)
            await self._images.unpack(rec.image_id)
            await layer.have(rec.image_chain)
        self._layers.remember(rec.config.image, rec.image_chain)
        self._store.faults.at("create.snapshot.after")
        rec = await self._insert(rec, name)
        self._store.faults.at("create.insert.after")
        return rec

    async def _insert(self, rec: Record, name: str) -> Record:
        """Store the record under its name, or under the first free one of our own."""
        if name:
            return await self._insert_as(rec, name)
        for candidate in random_names(self._chance):
            with suppress(Conflict):
                return await self._insert_as(rec, candidate)
        return await self._insert_as(rec, short(rec.id))

    async def _insert_as(self, rec: Record, name: str) -> Record:
        named = msgspec.structs.replace(rec, name=name)
        await self._store.insert(named)
        return named


def _platform_of(image: ImageFacts) -> Platform:
    config = image.config
    return Platform(os=config.os, architecture=config.architecture, variant=config.variant)
