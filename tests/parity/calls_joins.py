"""Containers that share namespaces, volumes and parts of volumes of others."""

from typing import Any

from tests.parity.cases import Call, Case, Cli, case, create, run, start

SHOW = Call("GET", "/containers/{j}/json")
STOP = Call("POST", "/containers/{c}/stop", "t=0")
MODES = {"network": "NetworkMode", "ipc": "IpcMode", "pid": "PidMode"}
DONOR = (create("parity-donor", HostConfig={"IpcMode": "shareable"}), start())
VOLUME = Call("POST", "/volumes/create", body={"Name": "parity-parts"})
NO_VOLUME = Call("DELETE", "/volumes/parity-parts", "force=1")


def join(kind: str, ref: str = "parity-donor", name: str = "parity-joiner", **config: Any) -> Call:
    return create(name, keep="j", HostConfig={MODES[kind]: f"container:{ref}"}, **config)


def each(name: str, *steps: Call, setup: tuple[Call, ...] = ()) -> tuple[Case, ...]:
    """Return a case for each kind of namespace: a joiner is made, shown, and then done with as the steps say."""
    return tuple(case(f"{kind} of {name}", join(kind), SHOW, *steps, setup=setup) for kind in MODES)


def refused(name: str, ref: str = "{c}", **config: Any) -> Case:
    """A joiner of a network that is refused for what else it wants."""
    host = {"NetworkMode": f"container:{ref}", **config.pop("HostConfig", {})}
    return case(f"joiner with {name}", create(HostConfig=host, **config), setup=DONOR[:1])


def part(name: str, subpath: str) -> Case:
    mount = {"Type": "volume", "Source": "parity-parts", "Target": "/d", "VolumeOptions": {"Subpath": subpath}}
    script = "mkdir -p /d/a; echo hi > /d/a/f; ln -s /etc /d/out; ln -s a /d/link"
    fill = run("--rm", "-v", "parity-parts:/d", "{image}", "sh", "-c", script)
    shown = Cli(("inspect", "-f", "{{json .HostConfig.Mounts}} {{.State.Status}} {{.State.ExitCode}}", "{c}"))
    made = create(HostConfig={"Mounts": [mount]}, Cmd=["ls", "/d"])
    gone = Call("DELETE", "/containers/{c}", "force=1")
    return case(f"part of a volume {name}", fill, made, start(), Cli(("wait", "{c}")), shown, gone, NO_VOLUME)


def inherits(name: str, entry: str, **host: Any) -> Case:
    source = create("parity-donor", HostConfig={"Binds": ["/tmp:/host:ro", "/etc:/b"]}, Volumes={"/anonymous": {}})
    one = "{{range .Mounts}}{{if eq .Destination %r}}{{.Type}} {{.Mode}} {{.RW}} {{.Propagation}};{{end}}{{end}}"
    paths = ("/host", "/b", "/anonymous")
    shown = Cli(("inspect", "-f", " ".join(one.replace("%r", f'"{path}"') for path in paths), "{j}"))
    return case(
        f"inherits {name}", create(keep="j", HostConfig={"VolumesFrom": [entry], **host}), shown, setup=(source,)
    )


CASES = (
    *each("a donor that runs", start("{j}"), SHOW, setup=DONOR),
    *each("a donor that never ran", start("{j}"), SHOW, setup=DONOR[:1]),
    *each("a donor that ended", start("{j}"), SHOW, setup=(*DONOR, STOP)),
    *each("a donor that is paused", start("{j}"), setup=(*DONOR, Call("POST", "/containers/{c}/pause"))),
    *(case(f"{kind} of absent", join(kind, "parity-absent")) for kind in MODES),
    case("network of itself", join("network", "parity-joiner"), start("{j}")),
    case("ipc of private memory", join("ipc"), start("{j}"), setup=(create("parity-donor"), start())),
    refused("a host name", Hostname="x"),
    refused("a domain name", Domainname="x"),
    refused("a port", HostConfig={"PortBindings": {"80/tcp": [{}]}}),
    refused("all ports", HostConfig={"PublishAllPorts": True}),
    refused("an exposed port", ExposedPorts={"80/tcp": {}}),
    refused("name servers", HostConfig={"Dns": ["1.1.1.1"]}),
    refused("a link", HostConfig={"Links": ["parity-donor:x"]}),
    refused("an extra host", HostConfig={"ExtraHosts": ["a:1.1.1.1"]}),
    refused(
        "an address",
        NetworkingConfig={"EndpointsConfig": {"container:{c}": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}}},
    ),
    refused("its hosts' UTS", HostConfig={"UTSMode": "host"}),
    *(
        part(name, subpath)
        for name, subpath in (
            ("whole", "."),
            ("found", "a"),
            ("linked", "link"),
            ("absent", "none"),
            ("outside", "out"),
        )
    ),
    inherits("all", "parity-donor"),
    inherits("to read", "parity-donor:ro"),
    inherits("labelled", "parity-donor:z"),
    inherits("beside its own", "parity-donor", Binds=["/usr:/host"]),
    inherits("of absent", "parity-absent"),
    inherits("of bad mode", "parity-donor:bad"),
    inherits("of a propagation", "parity-donor:rslave"),
    inherits("nothing", ""),
    inherits("no name", ":ro"),
)
