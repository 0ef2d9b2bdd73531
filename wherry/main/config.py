"""The daemon's configuration: flags and daemon.json merged into one frozen Config, checked before anything starts.

Source: images.md 24 and 25, with dockerd's words for unknown keys and for a key that stands in both places.
"""

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.base.units import parse_size
from wherry.images.hosts import check_insecure, check_mirror
from wherry.main.container_options import check_exec_opts, check_modes, read_profile, read_ulimit
from wherry.main.options import IGNORED_KEYS, OPTIONS, REFUSED_KEYS, Kind
from wherry.model.container import Ulimit
from wherry.runtimes.configured import DEFAULT, Configured, read_configured
from wherry.spec.cdi import SPEC_DIRS

DEFAULT_FILE = "/etc/wherry/daemon.json"
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
LOG_DRIVERS = ("json-file", "none")
FOREIGN_LOG_DRIVERS = frozenset(
    {"awslogs", "fluentd", "gcplogs", "gelf", "journald", "local", "splunk", "syslog", "etwlogs"}
)
MAX_FILE = 1 << 20

MERGED_KEYS = frozenset({"runtimes"})
"""What may stand in both places; of one name the file's entry counts."""

_BY_KEY = {option.key: option for option in OPTIONS if option.key}
_WORDS: dict[Kind, tuple[type, str]] = {
    Kind.SWITCH: (bool, "true or false"),
    Kind.NUMBER: (int, "a whole number"),
    Kind.TEXT: (str, "a string"),
    Kind.LIST: (list, "a list of strings"),
    Kind.MAP: (dict, "an object of strings"),
    Kind.SIZE: (str, 'a size, such as "64M"'),
    Kind.ULIMITS: (dict, "an object of limits"),
    Kind.RUNTIMES: (dict, "an object"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What the daemon was told, complete: paths are absolute, defaults are filled in."""

    given: frozenset[str] = frozenset()
    """The keys that flags or file set; the others have their defaults."""
    hosts: tuple[str, ...] = ()
    """`unix:///path`, `tcp://address:port` or `fd://[name]`; by default one socket, `<exec_root>/wherry.sock`."""
    tls: bool = False
    tlsverify: bool = False
    tlscacert: str = "~/.docker/ca.pem"
    tlscert: str = "~/.docker/cert.pem"
    tlskey: str = "~/.docker/key.pem"
    data_root: str = "/var/lib/wherry"
    exec_root: str = "/run/wherry"
    pidfile: str = ""
    """By default `<exec_root>/wherryd.pid`."""
    containerd: str = ""
    """Address of a given containerd; empty means a child of our own."""
    group: str = "docker"
    debug: bool = False
    log_level: str = "info"
    experimental: bool = False
    bridge: str = ""
    """Name of an existing bridge, `none`, or empty for docker0 of our own."""
    bip: str = ""
    """Gateway address with prefix length of docker0, or empty to choose one."""
    mtu: int = 1500
    iptables: bool = True
    ip_forward: bool = True
    ip_masq: bool = True
    """Never true without iptables."""
    dns: tuple[str, ...] = ()
    log_driver: str = "json-file"
    log_opts: Mapping[str, str] = field(default_factory=dict)
    shutdown_timeout: int = 15
    """Seconds that containers get at shutdown; negative means no limit."""
    live_restore: bool = False
    init: bool = False
    cgroup_parent: str = ""
    cpu_rt_period: int = 0
    """Microseconds, given to the parents of containers' cgroups at each start; 0 leaves them alone."""
    cpu_rt_runtime: int = 0
    exec_opts: tuple[str, ...] = ()
    """`native.cgroupdriver=` and its value, the last one counts."""
    default_ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    default_shm_size: int = 64 << 20
    """Bytes."""
    default_ipc_mode: str = "private"
    default_cgroupns_mode: str = ""
    """Empty for what fits the version of cgroups."""
    seccomp_profile: str = ""
    """A path, `unconfined`, or `builtin` as which empty counts too."""
    no_new_privileges: bool = False
    selinux_enabled: bool = False
    cdi_spec_dirs: tuple[str, ...] = SPEC_DIRS
    """Empty where an empty one was given: none is looked at."""
    runtimes: Mapping[str, Configured] = field(default_factory=dict)
    """Runtimes by name, beside the stock ones."""
    default_runtime: str = DEFAULT
    registry_mirrors: tuple[str, ...] = ()
    """URLs with a slash at the end, asked for what is on Docker Hub before it."""
    insecure_registries: tuple[str, ...] = ()
    """Hosts with or without port, and networks with prefix length, whose registries need no certificate."""
    max_concurrent_downloads: int = 3
    """Blobs that come at a time for all pulls together; 0 means no limit."""
    metrics_addr: str = ""
    """`host:port` for Prometheus, or empty."""
    labels: tuple[str, ...] = ()
    """`key=value` each, keys unique."""


def load(flags: Mapping[str, Any]) -> Config:
    """Merge the values of flags.parse_flags with the configuration file; InvalidParameter says what is wrong where."""
    given = {option.key: flags[option.flag] for option in OPTIONS if option.key and option.flag in flags}
    path = flags.get("config-file", DEFAULT_FILE)
    if "config-file" not in flags and not os.path.exists(path):
        return _settled(given)
    try:
        in_file = _read(path)
        _check_keys(in_file)
        _check_conflicts(given, in_file)
    except InvalidParameter as error:
        raise InvalidParameter(f"unable to configure the Docker daemon with file {path}: {error}") from error
    try:
        read = {key: _typed(key, in_file[key]) for key in _BY_KEY if key in in_file}
        return _settled(
            {**given, **read, **{key: given[key] | read[key] for key in MERGED_KEYS & given.keys() & read.keys()}}
        )
    except InvalidParameter as error:
        text = "merged configuration validation from file and command line flags failed"
        raise InvalidParameter(f"unable to configure the Docker daemon with file {path}: {text}: {error}") from error


def _read(path: str) -> dict[str, Any]:
    """Return the object in a daemon.json: UTF-8, or UTF-16 with a byte order mark; an empty file is an empty object."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise InvalidParameter(f"open {path}: {(error.strerror or str(error)).lower()}") from error
    if len(raw) > MAX_FILE:
        raise InvalidParameter(f"the file is larger than {MAX_FILE} bytes")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        value = json.loads(raw.decode(encoding).strip() or "{}", object_pairs_hook=_unique)
    except ValueError as error:
        raise InvalidParameter(f"invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidParameter("invalid JSON: the file must hold one object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in names if names.count(key) > 1)!r}")
    return seen


def _check_keys(in_file: Mapping[str, Any]) -> None:
    """Refuse what is no option of dockerd, what wherryd lacks, and values of the wrong type, in that order."""
    unknown = sorted(in_file.keys() - _BY_KEY.keys() - REFUSED_KEYS - IGNORED_KEYS)
    if unknown:
        raise InvalidParameter(f"the following directives don't match any configuration option: {', '.join(unknown)}")
    refused = sorted(in_file.keys() & REFUSED_KEYS)
    if refused:
        raise InvalidParameter(f"the following directives are not supported by wherryd yet: {', '.join(refused)}")
    for key in _BY_KEY.keys() & in_file.keys():
        _check_type(key, in_file[key])


def _check_type(key: str, value: Any) -> None:
    kind = _BY_KEY[key].kind
    wanted, words = _WORDS[kind]
    strings = value.values() if kind is Kind.MAP and isinstance(value, dict) else ()
    parts = value if isinstance(value, list) else strings
    # bool is an int in Python, not in JSON
    fits = isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
    if not fits or not (kind is Kind.ULIMITS or all(isinstance(part, str) for part in parts)):
        raise InvalidParameter(f'invalid JSON: "{key}" must be {words}, it is {json.dumps(value)[:60]}')


def _typed(key: str, value: Any) -> Any:
    """Return a value of the file as a flag of that kind would have given it."""
    match _BY_KEY[key].kind:
        case Kind.SIZE:
            return parse_size(value)
        case Kind.ULIMITS:
            return {name: read_ulimit(name, limit) for name, limit in value.items()}
        case _:
            return value


def _check_conflicts(given: Mapping[str, Any], in_file: Mapping[str, Any]) -> None:
    keys = sorted(given.keys() - MERGED_KEYS, key=lambda key: _BY_KEY[key].flag)
    both = [key for key in keys if key in in_file]
    if both:
        texts = (f"{key}: (from flag: {_go(given[key])}, from file: {_go(in_file[key])})" for key in both)
        text = "the following directives are specified both as a flag and in the configuration file"
        raise InvalidParameter(f"{text}: {', '.join(texts)}")


def _go(value: Any) -> str:
    """Return a value as Go prints it, since that is how dockerd words a conflict."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(_go(part) for part in value)}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    return str(value)


def _settled(values: Mapping[str, Any]) -> Config:
    """Return the checked Config of typed values by key, with dependent defaults filled in."""
    fields: dict[str, Any] = {
        _BY_KEY[key].field: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    config = Config(**fields)
    data_root, exec_root = os.path.abspath(config.data_root), os.path.abspath(config.exec_root)
    settled = replace(
        config,
        given=frozenset(values),
        tls=config.tls or "tlsverify" in values,
        data_root=data_root,
        exec_root=exec_root,
        hosts=tuple(_whole(host, exec_root, config.tls or "tlsverify" in values) for host in config.hosts)
        or (f"unix://{exec_root}/wherry.sock",),
        pidfile=os.path.abspath(config.pidfile) if config.pidfile else f"{exec_root}/wherryd.pid",
        containerd=config.containerd.removeprefix("unix://"),
        ip_masq=config.ip_masq and config.iptables,
        default_runtime=config.default_runtime or DEFAULT,
        runtimes=read_configured(config.runtimes, config.default_runtime or DEFAULT),
        cdi_spec_dirs=tuple(path for path in config.cdi_spec_dirs if path),
        registry_mirrors=tuple(check_mirror(text) for text in config.registry_mirrors),
        insecure_registries=tuple(check_insecure(text) for text in config.insecure_registries),
    )
    _check(settled)
    return settled


def _whole(host: str, exec_root: str, tls: bool) -> str:
    """Return a host with Docker's defaults for what it leaves out: path, address, port."""
    if host == "unix://":
        return f"unix://{exec_root}/wherry.sock"
    scheme, _, address = host.partition("://")
    if scheme != "tcp":
        return host
    address = address.rstrip("/") or "localhost"
    named = ":" in address.rpartition("]")[2]
    return f"tcp://{address}" if named else f"tcp://{address}:{2376 if tls else 2375}"


def _check(config: Config) -> None:
    for host in config.hosts:
        _check_host(host)
    if config.log_level not in LOG_LEVELS:
        raise InvalidParameter(f"invalid logging level: {config.log_level}")
    _check_log_driver(config.log_driver)
    check_exec_opts(config.exec_opts)
    check_modes(config.default_ipc_mode, config.default_cgroupns_mode)
    read_profile(config.seccomp_profile)
    _check_network(config)
    _check_labels(config.labels)
    if config.max_concurrent_downloads < 0:
        raise InvalidParameter(f"invalid max concurrent downloads: {config.max_concurrent_downloads}")


def _check_host(host: str) -> None:
    scheme, separator, path = host.partition("://")
    if not separator or scheme not in ("unix", "fd", "tcp"):
        raise InvalidParameter(f"invalid bind address ({host}): unsupported proto, use unix://, tcp:// or fd://")
    if scheme == "tcp":
        _check_tcp(host, path)
    if scheme == "unix" and not path.startswith("/"):
        raise InvalidParameter(f"invalid bind address ({host}): the path of a unix socket must be absolute")


def _check_tcp(host: str, address: str) -> None:
    _, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidParameter(f"invalid bind address ({host}): invalid port: {port if separator else ''}")


def _check_log_driver(name: str) -> None:
    if name in FOREIGN_LOG_DRIVERS:
        raise InvalidParameter(f"--log-driver {name} is not supported by wherryd yet: use {' or '.join(LOG_DRIVERS)}")
    if name not in LOG_DRIVERS:
        raise InvalidParameter(f"logger: no log driver named '{name}' is registered")


def _check_network(config: Config) -> None:
    if config.bridge and config.bip:
        raise InvalidParameter("You specified -b & --bip, mutually exclusive options. Please specify only one")
    if not 0 <= config.mtu <= 65535:
        raise InvalidParameter(f"invalid default MTU: {config.mtu}")
    for server in config.dns:
        try:
            ipaddress.ip_address(server.strip())
        except ValueError:
            raise InvalidParameter(f"IP address is not correctly formatted: {server}") from None
    if config.bip:
        _check_bip(config.bip)


def _check_bip(text: str) -> None:
    try:
        interface = ipaddress.IPv4Interface(text)
    except ValueError:
        raise InvalidParameter(f"invalid CIDR address: {text}") from None
    if "/" not in text:
        raise InvalidParameter(f"invalid CIDR address: {text}")
    if interface.ip == interface.network.network_address and interface.network.prefixlen < 31:
        raise InvalidParameter(f"--bip {text} is the network itself: give the bridge an address in it")


def _check_labels(labels: tuple[str, ...]) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        key, separator, value = label.partition("=")
        if not separator or not key:
            raise InvalidParameter(f"bad attribute format: {label}")
        if seen.setdefault(key, value) != value:
            raise InvalidParameter(f"conflict labels for {key}={value} and {key}={seen[key]}")
