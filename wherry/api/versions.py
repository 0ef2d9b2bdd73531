"""Older API versions: requests are lifted to the newest shape, answers cut from it.


Nothing else knows what an old client sends or expects, except that create is told the version where a default depends
on it. Pure. Sources: api-containers.md 6; images.md 6, 7, 23.3.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from wherry.api.call import Version
from wherry.base.errors import InvalidParameter
from wherry.base.events import Event
from wherry.base.units import NEVER
from wherry.model.container import (
    BindOptions,
    CreateRequest,
    EndpointSettings,
    ExecRequest,
    ExecStart,
    HostConfig,
    Mount,
    NetworkingConfig,
)
from wherry.model.network import CreateRequest as NetworkRequest

Json = dict[str, Any]
Filters = dict[str, list[str]]

_IMAGE_CONFIG_ALWAYS: Mapping[str, Any] = {
    "Cmd": None,
    "Entrypoint": None,
    "Env": None,
    "Labels": None,
    "OnBuild": None,
    "User": "",
    "Volumes": None,
    "WorkingDir": "",
}
"""What an image's Config always shows from 1.50 to 1.51."""
_IMAGE_CONFIG_CONTAINER: Mapping[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Image": "",
}
"""What it showed besides until 1.49, though it says nothing about an image."""


def lift_create(request: CreateRequest, version: Version) -> CreateRequest:
    """Return a create body as the newest version would send it; InvalidParameter for what came later."""
    host = request.host_config or HostConfig()
    if version < (1, 25):
        host = replace(host, auto_remove=False)
    if version < (1, 42):
        host = replace(host, console_size=[0, 0])
    if version < (1, 43):
        host = replace(host, annotations=None)
    if host.mounts and version < (1, 48):
        host = replace(host, mounts=[_lift_mount(mount, version) for mount in host.mounts])
    if version < (1, 44) and request.healthcheck is not None:
        request = replace(request, healthcheck=replace(request.healthcheck, start_interval=0))
    return replace(request, host_config=host, networking_config=_lift_networking(request.networking_config, version))


def _lift_mount(mount: Mount, version: Version) -> Mount:
    if mount.type == "image":
        raise InvalidParameter('Mount type "Image" needs API v1.48 or newer')
    if version < (1, 45) and mount.volume_options is not None and mount.volume_options.subpath:
        raise InvalidParameter("VolumeOptions.Subpath needs API v1.45 or newer")
    if version >= (1, 44) or mount.type != "bind":
        return mount
    return replace(mount, bind_options=_lift_bind(mount.bind_options or BindOptions(), mount.read_only, version))


def _lift_bind(options: BindOptions, read_only: bool, version: Version) -> BindOptions | None:
    """Before 1.44 a read-only bind was read-only at its top alone."""
    if options.read_only_force_recursive:
        raise InvalidParameter("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer")
    lifted = replace(options, read_only_non_recursive=read_only)
    if version < (1, 42):
        lifted = replace(lifted, create_mountpoint=False)
    if version < (1, 40):
        lifted = replace(lifted, non_recursive=False)
    return None if lifted == BindOptions() else lifted


def _lift_networking(networking: NetworkingConfig | None, version: Version) -> NetworkingConfig | None:
    if networking is None or not networking.endpoints_config or version >= (1, 48):
        return networking
    endpoints = networking.endpoints_config
    if version < (1, 44) and len(endpoints) > 1:
        raise InvalidParameter(
            f"Container cannot be created with multiple network endpoints: {', '.join(sorted(endpoints))}"
        )
    return NetworkingConfig(endpoints_config={name: _lift_endpoint(wish) for name, wish in endpoints.items()})


def _lift_endpoint(wish: EndpointSettings | None) -> EndpointSettings | None:
    return None if wish is None else replace(wish, gw_priority=0)


def lift_network(asked: NetworkRequest, version: Version) -> NetworkRequest:
    """Return the body of a network's create; IPv4 could not be switched off before 1.48."""
    return asked if version >= (1, 48) else replace(asked, enable_ipv4=None)


def lift_connect(wish: EndpointSettings | None, version: Version) -> EndpointSettings:
    """Return the wishes of a connect; its MAC address is heeded from 1.54 on only."""
    wish = wish if version >= (1, 48) else _lift_endpoint(wish)
    return replace(wish or EndpointSettings(), mac_address="")


def lift_platform(platform: str, version: Version) -> str:
    """Return create's platform, which older clients do not mean."""
    return platform if version >= (1, 41) else ""


def lift_signal(signal: str, version: Version) -> str:
    """Return stop's signal, which older clients do not mean."""
    return signal if version >= (1, 42) else ""


def lift_exec(request: ExecRequest, version: Version) -> ExecRequest:
    """Return an exec's create body in the newest shape."""
    return request if version >= (1, 42) else replace(request, console_size=None)


def lift_exec_start(request: ExecStart, version: Version) -> ExecStart:
    """Return an exec's start body in the newest shape; a size without a terminal means nothing."""
    return request if version >= (1, 42) and request.tty else replace(request, console_size=None)


def lift_image_filters(filters: Filters, old: str, version: Version) -> Filters:
    """Return the image list's filters; older clients may have sent a reference in a parameter of its own."""
    if not old or version >= (1, 41):
        return filters
    return filters | {"reference": [*filters.get("reference", ()), old]}


def lift_volume_prune(filters: Filters, version: Version) -> Filters:
    """Return the filters of a volume prune; named volumes went along with the anonymous ones until 1.41."""
    return filters if version >= (1, 42) else {**filters, "all": [*filters.get("all", ()), "true"]}


def lift_shared_size(wanted: bool, version: Version) -> bool:
    """Say whether the image list tells the size of shared layers, which older clients do not mean."""
    return wanted and version >= (1, 42)


def lift_pull_platform(platform: str, version: Version) -> str:
    """Return the platform that a pull asks for."""
    return platform if version >= (1, 32) else ""


def lift_list_manifests(wanted: bool, version: Version) -> bool:
    """Say whether the image list tells manifests."""
    return wanted and version >= (1, 47)


def lift_inspect_manifests(wanted: bool, version: Version) -> bool:
    """Say whether an image's inspect answer tells manifests."""
    return wanted and version >= (1, 48)


def cut_container(body: Json, version: Version) -> Json:
    """Return an inspect answer as that version shows it."""
    if version < (1, 48):
        body = _without(body, "ImageManifestDescriptor")
    if version < (1, 45):
        body = body | {"NetworkSettings": _with_short_names(body)}
    return body


def _with_short_names(body: Json) -> Json:
    """Before 1.45 the aliases in user-defined networks held the short id and the hostname."""
    settings: Json = body["NetworkSettings"]
    more = (body["Id"][:12], body["Config"]["Hostname"])
    networks = {
        name: network if name in ("bridge", "host", "none", "default") else _with_aliases(network, more)
        for name, network in settings["Networks"].items()
    }
    return settings | {"Networks": networks}


def _with_aliases(network: Json, more: tuple[str, ...]) -> Json:
    aliases = list(network.get("Aliases") or ())
    aliases += [name for name in dict.fromkeys(more) if name and name not in aliases]
    return network | {"Aliases": aliases}


def cut_summary(entry: Json, version: Version) -> Json:
    """Return an entry of the container list as that version shows it."""
    if version < (1, 48):
        entry = _without(entry, "ImageManifestDescriptor")
    if version < (1, 46):
        entry = entry | {"HostConfig": _without(entry["HostConfig"], "Annotations")}
    return entry


def cut_image_summary(entry: Json, version: Version) -> Json:
    """Return an entry of the image list as that version shows it."""
    if version < (1, 51):
        entry = entry | {"Containers": -1}
    if version < (1, 48):
        entry = _without(entry, "Descriptor")
    if version < (1, 44):
        entry = entry | {"VirtualSize": entry["Size"]}
    if version < (1, 43) and not entry["RepoTags"] and not entry["RepoDigests"]:
        entry = entry | {"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"]}
    return entry


def cut_image(body: Json, version: Version) -> Json:
    """Return an image's inspect answer as that version shows it."""
    config = {**_IMAGE_CONFIG_ALWAYS, **(body.get("Config") or {})}
    if version < (1, 50):
        config = {**_IMAGE_CONFIG_CONTAINER, **config}
    body = body | {"Config": config}
    if version < (1, 48):
        body = _without(body, "Descriptor")
    if version < (1, 44):
        body = {"Created": NEVER} | body | {"VirtualSize": body["Size"]}
    return body


def cut_info(body: Json, version: Version) -> Json:
    """Return `info` as that version shows it."""
    for since, newer in _INFO_SINCE:
        if version < since:
            body = _without(body, *newer)
    for until, change in _INFO_UNTIL:
        if version < until:
            body = change(body)
    return body


def _plain_security(body: Json) -> Json:
    names = [option.partition(",")[0].removeprefix("name=") for option in body.get("SecurityOptions") or ()]
    return body | {"SecurityOptions": names}


def _plain_runtimes(body: Json) -> Json:
    runtimes = body.get("Runtimes") or {}
    return body | {"Runtimes": {name: _without(runtime, "status") for name, runtime in runtimes.items()}}


def _nondistributable(body: Json) -> Json:
    keys = {"AllowNondistributableArtifactsCIDRs": None, "AllowNondistributableArtifactsHostnames": None}
    return body | {"RegistryConfig": keys | (body.get("RegistryConfig") or {})}


def _expected_commits(body: Json) -> Json:
    names = [name for name in ("ContainerdCommit", "RuncCommit", "InitCommit") if name in body]
    return body | {name: body[name] | {"Expected": body[name]["ID"]} for name in names}


def _bridge_netfilter(body: Json) -> Json:
    return body | {"BridgeNfIptables": False, "BridgeNfIp6tables": False}


_INFO_SINCE: tuple[tuple[Version, tuple[str, ...]], ...] = (
    ((1, 46), ("Containerd",)),
    ((1, 49), ("FirewallBackend",)),
)
_INFO_UNTIL: tuple[tuple[Version, Callable[[Json], Json]], ...] = (
    ((1, 25), _plain_security),
    ((1, 44), _plain_runtimes),
    ((1, 47), _nondistributable),
    ((1, 49), _expected_commits),
    ((1, 50), _bridge_netfilter),
)


def shows_event(event: Event, version: Version) -> bool:
    """Say whether that version knows an event."""
    return version >= (1, 46) or (event.kind, event.action) != ("image", "create")


def encode_event(event: Event) -> bytes:
    """Return one line of the event stream: with the keys that containers and images have below 1.52, HTML escaped."""
    old: Json = {}
    if event.kind in ("container", "image"):
        old = {"status": event.action, "id": event.actor.ident}
    if event.kind == "container" and event.actor.attributes.get("image"):
        old["from"] = event.actor.attributes["image"]
    line = msgspec.json.encode(old | msgspec.to_builtins(event))
    for character, escape in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):
        line = line.replace(character, escape)
    return line + b"\n"


def _without(body: Json, *keys: str) -> Json:
    return {key: value for key, value in body.items() if key not in keys}
