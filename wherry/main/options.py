"""Every option of dockerd: those that wherryd supports, with their type, and the names of those it refuses.

Source: images.md 24 and 25. A flag and its key in daemon.json differ only where the key is a plural.
"""

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """The type of an option's value; the word is what help shows."""

    SWITCH = ""
    NUMBER = "int"
    TEXT = "string"
    LIST = "list"
    SIZE = "bytes"
    ULIMITS = "ulimit"
    MAP = "key=value"
    RUNTIMES = "name=path"


@dataclass(frozen=True, slots=True)
class Option:
    """One supported option; `key` is its name in daemon.json, empty when the file cannot hold it."""

    flag: str
    kind: Kind
    key: str
    about: str
    short: str = ""

    @property
    def field(self) -> str:
        """The field of Config that takes the value."""
        return self.key.replace("-", "_")

    @property
    def spelled(self) -> str:
        """The flag as error messages name it: `-l, --log-level`."""
        return f"-{self.short}, --{self.flag}" if self.short else f"--{self.flag}"


_S, _N, _T, _L, _M = Kind.SWITCH, Kind.NUMBER, Kind.TEXT, Kind.LIST, Kind.MAP
_B, _U, _R = Kind.SIZE, Kind.ULIMITS, Kind.RUNTIMES

GROUPS: dict[str, tuple[Option, ...]] = {
    "Where it lives": (
        Option("host", _L, "hosts", "Listen on unix://PATH, tcp://ADDRESS:PORT or systemd's fd:// (repeatable)", "H"),
        Option("group", _T, "group", "Group that may use the socket", "G"),
        Option("tls", _S, "tls", "Speak TLS on TCP; implied by --tlsverify"),
        Option("tlsverify", _S, "tlsverify", "Speak TLS on TCP, to clients with a certificate only"),
        Option("tlscacert", _T, "tlscacert", "Whose signature a client's certificate needs"),
        Option("tlscert", _T, "tlscert", "Certificate of the engine"),
        Option("tlskey", _T, "tlskey", "Its key"),
        Option("data-root", _T, "data-root", "Keeps images, containers and volumes"),
        Option("exec-root", _T, "exec-root", "Keeps what a reboot may take: sockets, namespaces"),
        Option("pidfile", _T, "pidfile", "File for the daemon's process id", "p"),
        Option("config-file", _T, "", "Read options from this JSON file"),
        Option("containerd", _T, "containerd", "Use the containerd at this socket instead of a child of our own"),
    ),
    "The default bridge network": (
        Option("bridge", _T, "bridge", "Use this existing bridge; none: no bridge network", "b"),
        Option("bip", _T, "bip", "Address and prefix of the default bridge, such as 10.9.0.1/24"),
        Option("mtu", _N, "mtu", "MTU of the containers' links"),
        Option("iptables", _S, "iptables", "Write firewall rules"),
        Option("ip-forward", _S, "ip-forward", "Turn on net.ipv4.ip_forward"),
        Option("ip-masq", _S, "ip-masq", "Masquerade what leaves the bridge"),
        Option("dns", _L, "dns", "DNS server for containers (repeatable)"),
    ),
    "Containers": (
        Option("add-runtime", _R, "runtimes", "Know a program with runc's command line by this name (repeatable)"),
        Option("default-runtime", _T, "default-runtime", "Runtime of containers that name none"),
        Option("log-driver", _T, "log-driver", "Default log driver: json-file or none"),
        Option("log-opt", _M, "log-opts", "Default option of the log driver, such as max-size=10m (repeatable)"),
        Option("cdi-spec-dir", _L, "cdi-spec-dirs", "Directory of CDI device files (repeatable)"),
        Option("cgroup-parent", _T, "cgroup-parent", "Parent of containers' cgroups, where they do not name one"),
        Option("cpu-rt-period", _N, "cpu-rt-period", "Real-time period of the parents of containers' cgroups (v1)"),
        Option("cpu-rt-runtime", _N, "cpu-rt-runtime", "Real-time microseconds in a period for those parents (v1)"),
        Option("exec-opt", _L, "exec-opts", "native.cgroupdriver=cgroupfs or systemd"),
        Option("default-ulimit", _U, "default-ulimits", "Limit of containers, name=soft[:hard] (repeatable)"),
        Option("default-shm-size", _B, "default-shm-size", "Size of containers' /dev/shm"),
        Option("default-ipc-mode", _T, "default-ipc-mode", "IPC namespaces: private or shareable"),
        Option("default-cgroupns-mode", _T, "default-cgroupns-mode", "Cgroup namespaces: private or host"),
        Option("seccomp-profile", _T, "seccomp-profile", "File with a profile, builtin, or unconfined"),
        Option("selinux-enabled", _S, "selinux-enabled", "Label containers, where the kernel has SELinux"),
        Option("no-new-privileges", _S, "no-new-privileges", "No process gains privileges by default"),
        Option("init", _S, "init", "Run an init in every container that does not say otherwise"),
        Option("live-restore", _S, "live-restore", "Leave containers running while the daemon is down"),
        Option("shutdown-timeout", _N, "shutdown-timeout", "Seconds that containers get to stop; -1: no limit"),
    ),
    "Registries": (
        Option("registry-mirror", _L, "registry-mirrors", "URL of a mirror of Docker Hub (repeatable)"),
        Option("insecure-registry", _L, "insecure-registries", "Host or network without certificates (repeatable)"),
        Option("max-concurrent-downloads", _N, "max-concurrent-downloads", "Layers that come at a time; 0: no limit"),
    ),
    "The daemon": (
        Option("debug", _S, "debug", "Log everything", "D"),
        Option("log-level", _T, "log-level", "debug, info, warn, error or fatal", "l"),
        Option("label", _L, "labels", "Label of the engine, key=value (repeatable)"),
        Option("metrics-addr", _T, "metrics-addr", "Serve Prometheus metrics at this HOST:PORT"),
        Option("experimental", _S, "experimental", "Say to clients that experimental features may be used"),
        Option("validate", _S, "", "Check flags and file, print the result and exit"),
        Option("version", _S, "", "Print the version and exit", "v"),
        Option("help", _S, "", "Print this and exit", "h"),
    ),
}

OPTIONS: tuple[Option, ...] = tuple(option for group in GROUPS.values() for option in group)

_REFUSED = """
allow-direct-routing authorization-plugin:authorization-plugins bip6 bridge-accept-fwmark
containerd-namespace containerd-plugins-namespace cri-containerd
default-address-pool:default-address-pools default-gateway default-gateway-v6
default-network-opt:default-network-opts default-stop-timeout
dns-opt:dns-opts dns-search feature:features firewall-backend
fixed-cidr fixed-cidr-v6 host-gateway-ip:host-gateway-ips http-proxy https-proxy icc init-path
ip ip-forward-no-drop ip6tables ipv6 log-format
max-concurrent-uploads max-download-attempts network-control-plane-mtu network-diagnostic-port
no-proxy node-generic-resource:node-generic-resources nri-opts raw-logs
restart rootless storage-driver
storage-opt:storage-opts swarm-default-advertise-addr userland-proxy
userland-proxy-path userns-remap
"""

REFUSED_FLAGS: frozenset[str] = frozenset(name.partition(":")[0] for name in _REFUSED.split())
REFUSED_SHORT: dict[str, str] = {"s": "storage-driver", "r": "restart"}
REFUSED_KEYS: frozenset[str] = frozenset(name.partition(":")[2] or name for name in _REFUSED.split()) | {
    "builder",
    "min-api-version",
    "proxies",
}
IGNORED_KEYS: frozenset[str] = frozenset({"deprecated-key-path", "allow-nondistributable-artifacts"})
"""Keys without any effect in dockerd too."""
