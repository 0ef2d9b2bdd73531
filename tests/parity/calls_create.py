"""POST /containers/create: what is refused and with which words, and what is stored of what is accepted."""

from typing import Any

from tests.parity.cases import Call, Case, case, create, start
from tests.parity.side import IMAGE

SHOW = Call("GET", "/containers/{c}/json")


def host(name: str, version: str = "1.51", **config: Any) -> Case:
    """Return a create with a HostConfig whose answer alone is compared."""
    return case(f"create {name}", create(version=f"/v{version}", HostConfig=config))


def config(name: str, version: str = "1.51", **fields: Any) -> Case:
    """Return a create with fields of Config."""
    return case(f"create {name}", create(version=f"/v{version}", **fields))


def stored(name: str, version: str = "1.51", **fields: Any) -> Case:
    """Return a create and what inspect shows of it."""
    return case(f"stored {name}", create("parity-one", version=f"/v{version}", **fields), SHOW)


def mount(name: str, **fields: Any) -> Case:
    return host(f"mount {name}", Mounts=[fields])


def endpoint(name: str, **fields: Any) -> Case:
    return config(f"endpoint {name}", NetworkingConfig={"EndpointsConfig": {"bridge": fields}})


NAMES = (
    *(
        case(f"name {text!r}", Call("POST", "/containers/create", {"name": text}, {"Image": IMAGE, "Cmd": ["true"]}))
        for text in ("a", "-ab", "a b", "ä-ö", "/", "//ab", "a/b", "ab!", ".ab", "_ab")
    ),
    case("name with slash", create("/parity-one"), SHOW),
    case("name in use", create("parity-one"), create("parity-one", keep=""), create("/parity-one", keep="")),
    case("name in another case", create("parity-one"), create("Parity-One", keep="")),
    case("name of the first is removed", create("parity-one"), Call("DELETE", "/containers/{c}"), create("parity-one")),
)

IMAGES = (
    config("no image", Image=""),
    config("no image and no command", Image="", Cmd=None),
    config("image unknown", Image="absent"),
    config("image unknown with tag", Image="absent:1"),
    config("image unknown in a domain", Image="example.com/a/b"),
    config("image unknown by digest", Image="absent@sha256:" + "0" * 64),
    config("image unknown by id", Image="sha256:" + "0" * 64),
    config("image bad", Image="Bad"),
    config("image bad tag", Image="a:b:c"),
    config("image with blank", Image=" busybox"),
    config("image by id", Image="{image}"),
    config("no command but the image's", Cmd=None),
    config("no command and empty entrypoint", Cmd=None, Entrypoint=[""]),
    config("command as text", Cmd="true"),
)

CONFIG = (
    config("working directory relative", WorkingDir="a"),
    config("stop signal unknown", StopSignal="NONSENSE"),
    config("stop signal number", StopSignal="99"),
    config("env without name", Env=["=a"]),
    config("env empty", Env=[""]),
    config("hostname too long", Hostname="a" * 65),
    config("hostname odd", Hostname="a b"),
    config("exposed port bad", ExposedPorts={"abc": {}}),
    config("exposed port too large", ExposedPorts={"65536/tcp": {}}),
    config("health interval short", Healthcheck={"Test": ["CMD", "true"], "Interval": 1}),
    config("health retries negative", Healthcheck={"Test": ["CMD", "true"], "Retries": -1}),
    config("health none", Healthcheck={"Test": ["NONE"]}),
    config("volume relative", Volumes={"a": {}}),
    config("volume root", Volumes={"/": {}}),
    config("mac bad", MacAddress="zz"),
    config("mac", MacAddress="02:42:ac:11:00:99"),
    config("mac before 1.44", version="1.43", MacAddress="02:42:ac:11:00:99"),
    config("user odd", User="a:b:c"),
    config("stop timeout negative", StopTimeout=-5),
    config("domain name", Domainname="example.com"),
    config("label without name", Labels={"": "a"}),
)

HOST = (
    host("restart policy unknown", RestartPolicy={"Name": "nonsense"}),
    host("restart policy with count", RestartPolicy={"Name": "always", "MaximumRetryCount": 3}),
    host("restart policy with negative count", RestartPolicy={"Name": "no", "MaximumRetryCount": -1}),
    host("restart policy negative", RestartPolicy={"Name": "on-failure", "MaximumRetryCount": -1}),
    host("auto remove and restart", AutoRemove=True, RestartPolicy={"Name": "always"}),
    host("memory small", Memory=1),
    host("memory negative", Memory=-1),
    host("memory swap below memory", Memory=64 << 20, MemorySwap=32 << 20),
    host("memory swap alone", MemorySwap=64 << 20),
    host("memory reservation small", MemoryReservation=1),
    host("memory reservation above memory", Memory=64 << 20, MemoryReservation=128 << 20),
    host("swappiness", MemorySwappiness=101),
    host("swappiness unset", MemorySwappiness=-1),
    host("kernel memory", version="1.41", KernelMemory=8 << 20),
    host("kernel memory tcp", KernelMemoryTCP=8 << 20),
    host("oom kill disable", OomKillDisable=True),
    host("oom score", OomScoreAdj=1001),
    host("pids limit negative", PidsLimit=-1),
    host("cpu shares negative", CpuShares=-1),
    host("cpu shares", CpuShares=1),
    host("cpu period", CpuPeriod=1),
    host("cpu quota", CpuQuota=1),
    host("cpus and period", NanoCpus=10**9, CpuPeriod=100_000),
    host("cpus and quota", NanoCpus=10**9, CpuQuota=100_000),
    host("cpus too many", NanoCpus=10**15),
    host("cpus negative", NanoCpus=-1),
    host("cpuset bad", CpusetCpus="a"),
    host("cpuset absent", CpusetCpus="4095"),
    host("cpuset too large", CpusetCpus="99999"),
    host("cpuset backwards", CpusetCpus="3-1"),
    host("memory nodes absent", CpusetMems="63"),
    host("cpu realtime", CpuRealtimePeriod=1000, CpuRealtimeRuntime=2000),
    host("cpu count", CpuCount=1),
    host("cpu percent", CpuPercent=5),
    host("io bandwidth", IOMaximumBandwidth=1),
    host("io operations", IOMaximumIOps=1),
    host("isolation", Isolation="hyperv"),
    host("isolation default", Isolation="Default"),
    host("shm negative", ShmSize=-1),
    host("runtime unknown", Runtime="nonsense"),
    host("cap add unknown", CapAdd=["NONSENSE"]),
    host("cap drop unknown", CapDrop=["cap_nonsense"]),
    host("cap without prefix", CapAdd=["net_admin"], CapDrop=["ALL"]),
    host("security unknown", SecurityOpt=["nonsense=1"]),
    host("security without separator", SecurityOpt=["nonsense"]),
    host("security bad bool", SecurityOpt=["no-new-privileges:maybe"]),
    host("seccomp bad", SecurityOpt=["seccomp={"]),
    host("seccomp builtin", SecurityOpt=["seccomp=builtin"]),
    host("annotation without name", Annotations={"": "a"}),
    host("extra host bad", ExtraHosts=["abc"]),
    host("extra host bad address", ExtraHosts=["a:b"]),
    host("dns bad", Dns=["abc"]),
    host("port bad", PortBindings={"abc/tcp": []}),
    host("port too large", PortBindings={"70000/tcp": []}),
    host("port of the host bad", PortBindings={"80/tcp": [{"HostPort": "abc"}]}),
    host("port of the host backwards", PortBindings={"80/tcp": [{"HostPort": "9-8"}]}),
    host("port protocol bad", PortBindings={"80/nonsense": []}),
    host("ipc mode", IpcMode="nonsense"),
    host("ipc of nobody", IpcMode="container:"),
    host("ipc of absent", IpcMode="container:absent"),
    host("pid mode", PidMode="nonsense"),
    host("pid of nobody", PidMode="container:"),
    host("pid of absent", PidMode="container:absent"),
    host("uts mode", UTSMode="nonsense"),
    host("userns mode", UsernsMode="nonsense"),
    host("cgroup namespace mode", CgroupnsMode="nonsense"),
    host("network of nobody", NetworkMode="container:"),
    host("network container", NetworkMode="container"),
    host("network absent", NetworkMode="absent"),
    host("network of absent container", NetworkMode="container:absent"),
    host("host network with links", NetworkMode="host", Links=["a:b"]),
    host("links of absent", Links=["absent:b"]),
    host("volumes from absent", VolumesFrom=["absent"]),
    host("volumes from nobody", VolumesFrom=[""]),
    host("log driver unknown", LogConfig={"Type": "nonsense"}),
    host("log option unknown", LogConfig={"Type": "json-file", "Config": {"nonsense": "1"}}),
    host("log size bad", LogConfig={"Type": "json-file", "Config": {"max-size": "abc"}}),
    host("log file count bad", LogConfig={"Type": "json-file", "Config": {"max-file": "0"}}),
    host("log option of none", LogConfig={"Type": "none", "Config": {"max-size": "1m"}}),
    host("log mode bad", LogConfig={"Type": "json-file", "Config": {"mode": "abc"}}),
    host("ulimit bad", Ulimits=[{"Name": "nonsense", "Soft": 1, "Hard": 1}]),
    host("ulimit soft above hard", Ulimits=[{"Name": "nofile", "Soft": 2, "Hard": 1}]),
    host("storage option", StorageOpt={"size": "1G"}),
    host("blkio weight", BlkioWeight=5),
    host("blkio weight device", BlkioWeightDevice=[{"Path": "/dev/absent", "Weight": 5}]),
    host("cgroup parent", CgroupParent="nonsense.slice"),
    host("sysctl of an interface", Sysctls={"net.ipv4.conf.eth0.rp_filter": "1"}),
    host("sysctl of another interface", version="1.47", Sysctls={"net.ipv4.conf.eth1.rp_filter": "1"}),
    host("sysctl of no namespace", Sysctls={"kernel.panic": "1"}),
    host("device request of absent driver", DeviceRequests=[{"Driver": "nonsense", "Count": 1, "DeviceIDs": ["a"]}]),
    config("host name and uts", Hostname="a", HostConfig={"UTSMode": "host"}),
    config("host name and network", Hostname="a", HostConfig={"NetworkMode": "container:absent"}),
    config("exposed and network", ExposedPorts={"80/tcp": {}}, HostConfig={"NetworkMode": "container:absent"}),
    host("dns and network", NetworkMode="container:absent", Dns=["192.0.2.1"]),
    host("extra hosts and network", NetworkMode="container:absent", ExtraHosts=["a:192.0.2.1"]),
    host("links and network", NetworkMode="container:absent", Links=["a:b"]),
    host("ports and network", NetworkMode="container:absent", PublishAllPorts=True),
    host("host network with ports", NetworkMode="host", PortBindings={"80/tcp": [{"HostPort": "8080"}]}),
)

MOUNTS = (
    *(
        host(f"bind {text}", Binds=[text])
        for text in (
            "",
            ":",
            "a",
            "/",
            "/a:",
            ":/a",
            "/a:b",
            "/a:/",
            "/a:/b:nonsense",
            "/a:/b:ro,rw",
            "/a:/b:ro:x",
            "/a:ro",
            "a:/b:shared",
            "/a:/b:nocopy",
            "a!:/b",
            "a:/b:z,Z",
            "/a:/b:rshared,rslave",
            ".:/b",
            "./a:/b",
            "~:/b",
        )
    ),
    host("binds twice", Binds=["/tmp:/a", "/tmp:/a/"]),
    host("bind and tmpfs", Binds=["/tmp:/a"], Tmpfs={"/a": ""}),
    host("bind and mount", Binds=["/tmp:/a"], Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/a"}]),
    host("tmpfs option", Tmpfs={"/a": "nonsense"}),
    host("tmpfs relative", Tmpfs={"a": ""}),
    mount("without target", Type="bind", Source="/tmp"),
    mount("without source", Type="bind", Target="/a"),
    mount("without type", Source="/tmp", Target="/a"),
    mount("of unknown type", Type="nonsense", Source="/tmp", Target="/a"),
    mount("of absent source", Type="bind", Source="/absent/parity", Target="/a"),
    mount("of relative source", Type="bind", Source="a", Target="/a"),
    mount("to relative target", Type="bind", Source="/tmp", Target="a"),
    mount("to root", Type="bind", Source="/tmp", Target="/"),
    mount("of bad propagation", Type="bind", Source="/tmp", Target="/a", BindOptions={"Propagation": "nonsense"}),
    mount("bind with volume options", Type="bind", Source="/tmp", Target="/a", VolumeOptions={}),
    mount("bind with tmpfs options", Type="bind", Source="/tmp", Target="/a", TmpfsOptions={"SizeBytes": 1}),
    mount("tmpfs with source", Type="tmpfs", Source="/tmp", Target="/a"),
    mount("tmpfs with bind options", Type="tmpfs", Target="/a", BindOptions={"Propagation": "rprivate"}),
    mount("tmpfs of bad option", Type="tmpfs", Target="/a", TmpfsOptions={"Options": [["nonsense"]]}),
    mount("tmpfs of bad size", Type="tmpfs", Target="/a", TmpfsOptions={"SizeBytes": -1}),
    mount("volume without target", Type="volume"),
    mount("volume with subpath and no name", Type="volume", Target="/a", VolumeOptions={"Subpath": "b"}),
    mount("volume with bind options", Type="volume", Target="/a", BindOptions={}),
    mount("cluster", Type="cluster", Target="/a"),
    mount("npipe", Type="npipe", Source="a", Target="/a"),
    case(
        "mount of conflicting options",
        create(
            HostConfig={
                "Mounts": [
                    {"Type": "bind", "Source": "/tmp", "Target": "/a", "BindOptions": {"ReadOnlyNonRecursive": True}}
                ]
            }
        ),
        start(),
    ),
    host(
        "force recursive before 1.44",
        version="1.43",
        Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/a", "BindOptions": {"ReadOnlyForceRecursive": True}}],
    ),
    host("image mount before 1.48", version="1.47", Mounts=[{"Type": "image", "Source": "busybox", "Target": "/a"}]),
)

ENDPOINTS = (
    config("endpoint absent", NetworkingConfig={"EndpointsConfig": {"bridge": None}}),
    config("endpoint elsewhere", NetworkingConfig={"EndpointsConfig": {"absent": {}}}),
    endpoint("address", IPAMConfig={"IPv4Address": "172.17.0.99"}),
    endpoint("bad address", IPAMConfig={"IPv4Address": "abc"}),
    endpoint("bad address of version 6", IPAMConfig={"IPv6Address": "abc"}),
    endpoint("aliases", Aliases=["a"]),
    endpoint("bad mac", MacAddress="zz"),
    endpoint("mac", MacAddress="02:42:ac:11:00:99"),
    config(
        "macs that differ",
        MacAddress="02:42:ac:11:00:98",
        NetworkingConfig={"EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:99"}}},
    ),
    endpoint("bad sysctl", DriverOpts={"com.docker.network.endpoint.sysctls": "nonsense=1"}),
)

STORED = (
    *(stored(f"nothing {version}", version) for version in ("1.24", "1.39", "1.40", "1.41", "1.43", "1.44", "1.51")),
    stored("privileged", HostConfig={"Privileged": True}),
    stored("memory", HostConfig={"Memory": 64 << 20}),
    stored("empty lists", HostConfig={"Binds": [], "CapAdd": [], "Dns": [], "SecurityOpt": [], "MaskedPaths": []}),
    stored(
        "empty maps",
        Labels={},
        Volumes={},
        ExposedPorts={},
        HostConfig={"PortBindings": {}, "Sysctls": {}, "Tmpfs": {}},
    ),
    stored("capabilities", HostConfig={"CapAdd": ["net_admin", "CAP_SYS_TIME"], "CapDrop": ["all"]}),
    stored(
        "no security", HostConfig={"SecurityOpt": ["seccomp=unconfined", "no-new-privileges:true", "label=disable"]}
    ),
    stored("host network", HostConfig={"NetworkMode": "host"}),
    stored("no network", HostConfig={"NetworkMode": "none"}),
    stored("default network", HostConfig={"NetworkMode": "default"}),
    stored(
        "host namespaces", HostConfig={"PidMode": "host", "IpcMode": "host", "UTSMode": "host", "CgroupnsMode": "host"}
    ),
    stored("shareable ipc", HostConfig={"IpcMode": "shareable"}),
    stored("no log", HostConfig={"LogConfig": {"Type": "none"}}),
    stored(
        "log options", HostConfig={"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "3"}}}
    ),
    stored("log options alone", HostConfig={"LogConfig": {"Config": {"max-size": "1m"}}}),
    stored(
        "limits",
        HostConfig={"PidsLimit": 100, "CpuShares": 512, "NanoCpus": 10**9, "CpusetCpus": "0", "ShmSize": 1 << 20},
    ),
    stored("ulimits", HostConfig={"Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 2048}]}),
    stored("names", Hostname="host", Domainname="example.com", User="nobody", WorkingDir="/var/../tmp/"),
    stored(
        "terminal", Tty=True, OpenStdin=True, StdinOnce=True, AttachStdin=True, AttachStdout=True, AttachStderr=True
    ),
    stored("entrypoint", Entrypoint=["sh", "-c"], Cmd=["exit 3"]),
    stored("entrypoint as text", Entrypoint="sh", Cmd="true"),
    stored("empty entrypoint", Entrypoint=[], Cmd=["true"]),
    stored("env", Env=["A=1", "B", "PATH=/x", "C="]),
    stored("labels", Labels={"a": "b", "c.d": ""}),
    stored("ports", ExposedPorts={"80": {}, "81/TCP": {}, "82/udp": {}}),
    stored("stop", StopSignal="sigint", StopTimeout=3),
    stored("shell and onbuild", Shell=["/bin/sh"], OnBuild=["RUN true"]),
    stored("image by id", Image="{image}"),
    stored("full image name", Image="docker.io/library/busybox:latest"),
    stored("init", HostConfig={"Init": True, "ReadonlyRootfs": True, "AutoRemove": True, "GroupAdd": ["1", "nogroup"]}),
    stored(
        "hosts", HostConfig={"ExtraHosts": ["a:192.0.2.1", "b:host-gateway"], "Dns": ["192.0.2.1"], "DnsSearch": ["x"]}
    ),
    stored("binds", HostConfig={"Binds": ["{dir}:/a", "{dir}:/b:ro,rslave", "{dir}:/c:z"]}),
    stored(
        "bind mounts",
        HostConfig={
            "Mounts": [
                {"Type": "bind", "Source": "{dir}", "Target": "/a"},
                {
                    "Type": "bind",
                    "Source": "{dir}",
                    "Target": "/b",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "shared"},
                },
            ]
        },
    ),
    stored(
        "bind mount 1.43",
        "1.43",
        HostConfig={"Mounts": [{"Type": "bind", "Source": "{dir}", "Target": "/b", "ReadOnly": True}]},
    ),
    stored(
        "tmpfs mount", HostConfig={"Mounts": [{"Type": "tmpfs", "Target": "/a", "TmpfsOptions": {"SizeBytes": 4096}}]}
    ),
    stored("tmpfs", HostConfig={"Tmpfs": {"/a": "size=1m", "/b": ""}}),
    stored("anonymous volume", Volumes={"/keep/": {}}),
    stored("anonymous volume of binds", HostConfig={"Binds": ["/keep"]}),
    stored("anonymous volume of mounts", HostConfig={"Mounts": [{"Type": "volume", "Target": "/keep"}]}),
    stored("restart policy", HostConfig={"RestartPolicy": {"Name": ""}}),
    stored("swappiness unset", HostConfig={"MemorySwappiness": -1, "PidsLimit": 0}),
    stored("annotations", HostConfig={"Annotations": {"a": "b"}}),
    stored("annotations 1.42", "1.42", HostConfig={"Annotations": {"a": "b"}}),
    stored("console size", HostConfig={"ConsoleSize": [24, 80]}),
    stored("console size 1.41", "1.41", HostConfig={"ConsoleSize": [24, 80]}),
    stored("sysctl", HostConfig={"Sysctls": {"net.ipv4.ip_forward": "1"}}),
    stored("endpoint", NetworkingConfig={"EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:99"}}}),
    stored("endpoint default", NetworkingConfig={"EndpointsConfig": {"default": {}}}),
    stored("mac", MacAddress="02:42:ac:11:00:99"),
    stored("mac 1.43", "1.43", MacAddress="02:42:ac:11:00:99"),
    stored("auto remove 1.24", "1.24", HostConfig={"AutoRemove": True}),
    stored("health none", Healthcheck={"Test": ["NONE"]}),
    stored("health", Healthcheck={"Test": ["CMD", "true"], "Interval": 10**9, "StartInterval": 10**9}),
    stored("health 1.43", "1.43", Healthcheck={"Test": ["CMD", "true"], "StartInterval": 10**9}),
    stored(
        "device",
        HostConfig={"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}]},
    ),
)

CASES = (*NAMES, *IMAGES, *CONFIG, *HOST, *MOUNTS, *ENDPOINTS, *STORED)
