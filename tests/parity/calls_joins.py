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


def linked(name: str, *entries: str, target: Any = None) -> Case:
    """A container with links, shown before and after its start, and what it sees of its target."""
    ports = {"5432/tcp": {}, "7000/tcp": {}, "7001/tcp": {}, "53/udp": {}}
    lender = target or create("parity-donor", Hostname="dbhost", ExposedPorts=ports, Env=["A=1"])
    shown = Cli(("inspect", "-f", "{{json .HostConfig.Links}}", "{j}"))
    made = create("parity-joiner", keep="j", HostConfig={"Links": list(entries)})
    names = Cli(("ps", "-a", "--no-trunc", "--filter", "id={c}", "--format", "{{.Names}}"))
    sees = Cli(
        ("exec", "parity-joiner", "sh", "-c", "env | grep -v HOSTNAME | sort; grep dbhost /etc/hosts | cut -f2 | sort")
    )
    return case(f"link {name}", made, shown, names, start("{j}"), sees, setup=(lender, start()))


LINK_GONE = (
    Call("DELETE", "/containers/parity-joiner/x", "link=1"),
    Cli(("inspect", "-f", "{{json .HostConfig.Links}}", "{j}")),
    Call("DELETE", "/containers/parity-joiner/x", "link=1"),
    Call("DELETE", "/containers/parity-joiner", "link=1"),
    Call("DELETE", "/containers/parity-absent/x", "link=1"),
)
ONE = create("parity-joiner", keep="j", HostConfig={"Links": ["parity-donor:x"]})
TWO = create("parity-joiner", keep="j", HostConfig={"Links": ["parity-donor:x", "parity-donor:y"]})

CASES = (
    linked("to a name", "parity-donor"),
    linked("to an alias", "parity-donor:a-store"),
    linked("as inspect shows it", "/parity-donor:/parity-joiner/x"),
    linked("without an alias", "parity-donor:"),
    linked("of bad format", "a:b:c"),
    linked("to nothing", ""),
    linked("to no name", ":x"),
    linked("to absent", "parity-absent:x"),
    linked("to the host network", "parity-donor:x", target=create("parity-donor", HostConfig={"NetworkMode": "host"})),
    linked("to no network", "parity-donor:x", target=create("parity-donor", HostConfig={"NetworkMode": "none"})),
    case("link to one that never ran", ONE, start("{j}"), Call("GET", "/containers/{j}/json"), setup=DONOR[:1]),
    case("links removed", TWO, *LINK_GONE, setup=DONOR[:1]),
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
