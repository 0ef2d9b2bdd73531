"""Networks of users: made, read, joined, left, removed."""

import json
from typing import Any

from tests.parity.cases import Call, Case, Cli, Step, case, create, run, start
from tests.parity.side import IMAGE

NAME, OTHER = "parity-net", "parity-other"
SUBNET = "10.211.7.0/24"
OPTION = "com.docker.network."


def make(name: str = NAME, version: str = "/v1.51", keep: str = "n", **body: Any) -> Call:
    return Call("POST", "/networks/create", body={"Name": name, **body}, version=version, keep=keep)


def pool(*config: dict[str, Any], **body: Any) -> Call:
    return make(IPAM={"Config": list(config)}, **body)


def inspect(name: str = NAME, version: str = "/v1.51", query: str = "") -> Call:
    return Call("GET", f"/networks/{name}", query, version=version)


def remove(name: str = NAME) -> Call:
    return Call("DELETE", f"/networks/{name}")


def listing(version: str = "/v1.51", **filters: list[str]) -> Call:
    return Call("GET", "/networks", {"filters": json.dumps(filters)}, version=version)


def prune(**filters: list[str]) -> Call:
    """Return a prune that takes nothing: of what is there nothing has that label."""
    return Call("POST", "/networks/prune", {"filters": json.dumps({"label": ["absent"], **filters})})


def connect(name: str = NAME, container: str = "{c}", version: str = "/v1.51", **endpoint: Any) -> Call:
    body = {"Container": container, **({"EndpointConfig": endpoint} if endpoint else {})}
    return Call("POST", f"/networks/{name}/connect", body=body, version=version)


def disconnect(name: str = NAME, container: str = "{c}", force: bool = False) -> Call:
    return Call("POST", f"/networks/{name}/disconnect", body={"Container": container, "Force": force})


def shown(version: str = "/v1.51") -> Call:
    return Call("GET", "/containers/{c}/json", version=version)


def on(name: str = NAME, version: str = "/v1.51", **config: Any) -> Call:
    host = {"NetworkMode": name, **config.pop("HostConfig", {})}
    return create("parity-one", version=version, HostConfig=host, **config)


STOP = Call("POST", "/containers/{c}/stop", "t=0")
SUBNETTED = (pool({"Subnet": SUBNET}),)
BOTH = (*SUBNETTED, make(OTHER, keep="m"))
MEMBER = (*BOTH, on())
RUNNING = (*MEMBER, start())
STATES = {"created": MEMBER, "running": RUNNING, "stopped": (*RUNNING, STOP)}


def wish(address: str = "", **endpoint: Any) -> dict[str, Any]:
    return {NAME: {**({"IPAMConfig": {"IPv4Address": address}} if address else {}), **endpoint}}


def joined(name: str, **endpoint: Any) -> Case:
    """Create and start a container with some wishes."""
    asked = create("parity-one", HostConfig={"NetworkMode": NAME}, NetworkingConfig={"EndpointsConfig": endpoint})
    return case(f"network joined {name}", asked, shown(), start(), shown(), setup=SUBNETTED)


DONOR = (*SUBNETTED, create("parity-donor", HostConfig={"NetworkMode": NAME}), start())
LINKS = {"Links": ["parity-donor:store"]}


def linked(name: str, *links: str, to: str = "store") -> Case:
    """A container with links in a network, and what it finds by the name that they must lead to."""
    asked = create(
        "parity-joiner",
        keep="j",
        HostConfig={"NetworkMode": NAME},
        NetworkingConfig={"EndpointsConfig": {NAME: {"Links": list(links)}}},
    )
    seen = Call("GET", "/containers/{j}/json")
    found = Cli(("exec", "parity-joiner", "nslookup", "-type=a", to))
    return case(f"network links {name}", asked, seen, start("{j}"), seen, found, setup=DONOR)


CREATES = (
    *(
        case(f"network create pool {json.dumps(config)}", pool(config), inspect())
        for config in (
            {"Subnet": "x"},
            {"Subnet": "10.211.7.5/24"},
            {"Subnet": SUBNET},
            {"Subnet": SUBNET, "Gateway": "10.211.7.9"},
            {"Subnet": SUBNET, "Gateway": "10.211.8.9"},
            {"Subnet": SUBNET, "Gateway": "x"},
            {"Subnet": SUBNET, "Gateway": "fd00::1"},
            {"Subnet": SUBNET, "Gateway": "10.211.7.0"},
            {"Subnet": SUBNET, "Gateway": "10.211.7.255"},
            {"Subnet": SUBNET, "IPRange": "10.211.7.128/25"},
            {"Subnet": SUBNET, "IPRange": "10.211.7.129/25"},
            {"Subnet": SUBNET, "IPRange": "10.211.8.0/25"},
            {"Subnet": SUBNET, "IPRange": "10.211.0.0/16"},
            {"Subnet": SUBNET, "IPRange": "fd00::/64"},
            {"Subnet": SUBNET, "IPRange": "x"},
            {"Subnet": SUBNET, "AuxiliaryAddresses": {"a": "10.211.7.5", "b": "10.211.7.6"}},
            {"Subnet": SUBNET, "AuxiliaryAddresses": {"a": "10.211.7.5", "b": "10.211.7.5"}},
            {"Subnet": SUBNET, "AuxiliaryAddresses": {"a": "10.211.7.1"}},
            {"Subnet": SUBNET, "AuxiliaryAddresses": {"a": "10.211.8.1"}},
            {"Subnet": SUBNET, "AuxiliaryAddresses": {"a": "x"}},
            {"Subnet": SUBNET, "Gateway": "x", "AuxiliaryAddresses": {"a": "x"}},
            {"Subnet": "10.211.9.0/30"},
            {"Subnet": "10.211.9.0/31"},
            {"Subnet": "172.17.0.0/16"},
            {"Subnet": "172.17.0.0/16", "IPRange": "172.17.1.0/24"},
            {"Subnet": "fd00:211::/64"},
            {"Gateway": "10.211.7.1"},
            {"IPRange": SUBNET},
            {},
        )
    ),
    case("network create two subnets", pool({"Subnet": SUBNET}, {"Subnet": "10.211.8.0/24"})),
    *(
        case(f"network create option {name}={value}", make(Options={OPTION + name: value}), inspect())
        for name, value in (
            ("bridge.enable_icc", "false"),
            ("bridge.enable_icc", "x"),
            ("bridge.enable_icc", ""),
            ("bridge.enable_ip_masquerade", "x"),
            ("bridge.host_binding_ipv4", "127.0.0.1"),
            ("bridge.host_binding_ipv4", "x"),
            ("bridge.inhibit_ipv4", "x"),
            ("bridge.default_bridge", "x"),
            ("bridge.gateway_mode_ipv4", "x"),
            ("bridge.gateway_mode_ipv4", "nat"),
            ("bridge.name", "lo"),
            ("bridge.name", "docker0"),
            ("driver.mtu", "1400"),
            ("driver.mtu", "x"),
            ("driver.mtu", "-1"),
            ("enable_ipv6", "x"),
            ("enable_ipv6", "false"),
            ("enable_ipv4", "false"),
            ("enable_ipv4", "1"),
            ("nonsense", "x"),
        )
    ),
    *(
        case(f"network create {json.dumps(body)}", make(**body), inspect())
        for body in (
            {"Driver": "absent"},
            {"Driver": "host"},
            {"Driver": "null"},
            {"Driver": "overlay"},
            {"Driver": "bridge", "Internal": True, "Attachable": True, "Labels": {"a": "b"}},
            {"Scope": "swarm"},
            {"Scope": "local"},
            {"Ingress": True},
            {"ConfigFrom": {"Network": "absent"}},
            {"ConfigOnly": True, "Internal": True},
            {"ConfigOnly": True, "ConfigFrom": {"Network": "absent"}},
            {"EnableIPv4": False},
            {"EnableIPv6": False},
            {"IPAM": {"Driver": "absent"}},
            {"IPAM": {"Driver": "null"}},
            {"IPAM": {"Driver": "default", "Options": {"a": "b"}}},
            {"CheckDuplicate": True},
            {"Internal": "x"},
            {"Labels": []},
            {"Options": {"a": 1}},
            {"IPAM": {"Config": {}}},
            {"ConfigFrom": []},
        )
    ),
    *(case(f"network create named {name!r}", make(name)) for name in ("", " ", "bridge", "default", "a/parity b")),
    case("network create twice", make(), make()),
    case("network create without IPv4 1.47", make(version="/v1.47", EnableIPv4=False), inspect(version="/v1.47")),
    case("network create nothing", Call("POST", "/networks/create")),
    case("network create text", Call("POST", "/networks/create", raw=b"{}", headers={"Content-Type": "text/plain"})),
)

READS = (
    *(
        case(f"network list {version}", inspect(version=version), listing(version, name=[NAME]), setup=SUBNETTED)
        for version in ("/v1.24", "/v1.27", "/v1.28", "/v1.44", "/v1.47", "/v1.51")
    ),
    *(
        case(f"network list by {key} {value}", listing(**{key: [value], "name": ["^parity-"]}), setup=BOTH)
        for key, value in (("dangling", "1"), ("dangling", "0"), ("type", "custom"), ("label", "a"), ("driver", "host"))
    ),
    case("network list of a bad verbosity", inspect(query="verbose=x"), setup=SUBNETTED),
    case("network list of another scope", inspect(query="scope=swarm"), setup=SUBNETTED),
    case("network list by id", inspect("{n}"), setup=SUBNETTED),
    case("network list with a member", inspect(), shown(), listing(dangling=["1"], name=[NAME]), setup=RUNNING),
    *(case(f"network of a container {state}", shown(), setup=steps) for state, steps in STATES.items()),
    *(
        case(f"network of a container {version}", shown(version), setup=RUNNING)
        for version in ("/v1.43", "/v1.44", "/v1.47", "/v1.50")
    ),
    case("network prune nothing", prune()),
    *(case(f"network prune by {key}", prune(**{key: ["x"]})) for key in ("dangling", "until", "name")),
    case("network prune of two times", prune(until=["1h", "2h"])),
)

CONNECTS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("another", (connect(OTHER), shown())),
    ("with aliases", (connect(OTHER, Aliases=["x", "y"]), shown())),
    ("with links", (connect(OTHER, Links=["parity-one:x", "absent:y", "z"]), shown())),
    ("with a bad link", (connect(OTHER, Links=["a:b:c"]), shown(), start(), shown())),
    ("with an empty link", (connect(OTHER, Links=[""]), shown(), start(), shown())),
    ("bridge with links", (connect("bridge", Links=["parity-one:x"]), shown())),
    ("its own", (connect(Aliases=["x"]), shown())),
    ("twice", (connect(OTHER), connect(OTHER))),
    ("host", (connect("host"),)),
    ("none", (connect("none"),)),
    ("absent", (connect("absent"), shown())),
    ("a bad address", (connect(OTHER, IPAMConfig={"IPv4Address": "x"}),)),
    ("an address that nobody has", (connect(OTHER, IPAMConfig={"IPv4Address": "10.211.7.3"}),)),
    ("an alias on bridge", (connect("bridge", Aliases=["x"]),)),
    ("and leave", (connect(OTHER), disconnect(OTHER), shown(), disconnect(OTHER))),
    ("nothing", (disconnect("bridge"), disconnect("absent"), disconnect(OTHER, force=True))),
    ("no more", (disconnect(), shown(), start(), shown())),
    ("and remove", (remove(), remove(OTHER), remove(OTHER))),
)
"""What a container joins and leaves, in every state."""

MEMBERS = (
    *(
        case(f"network connect {what} {state}", *steps, setup=STATES[state])
        for what, steps in CONNECTS
        for state in STATES
    ),
    case("network connect nobody", connect(container=""), connect(container="absent"), setup=SUBNETTED),
    case("network disconnect nobody", disconnect(container="absent", force=True), setup=SUBNETTED),
    case("network disconnect an absent one", disconnect(container="absent"), setup=SUBNETTED),
    *(
        case(
            f"network mode {mode}",
            connect(),
            start(),
            connect(),
            disconnect(mode),
            shown(),
            setup=(*SUBNETTED, on(mode)),
        )
        for mode in ("host", "none")
    ),
    joined("plainly", **wish()),
    joined("by address", **wish("10.211.7.9")),
    joined("by the gateway's address", **wish("10.211.7.1")),
    joined("by a foreign address", **wish("10.211.8.9")),
    joined("by a bad address", **wish("x")),
    joined("by aliases", **wish(Aliases=["x", "parity-one"])),
    joined("by link address", **wish(MacAddress="02:11:22:33:44:55")),
    joined("elsewhere", bridge={}),
    joined("by id", **{"{n}": {}}),
    joined("with host", host={}),
    linked("by an alias", "parity-donor:store", "parity-donor:again"),
    linked("by name", "parity-donor", to="parity-donor"),
    linked("as inspect shows it", "/parity-donor:/parity-joiner/store"),
    linked("in capitals", "Parity-Donor:store"),
    linked("of bad format", "a:b:c"),
    linked("to nothing", ""),
    linked("without an alias", "parity-donor:", to="parity-donor"),
    linked("to no name", ":store", to="parity-donor"),
    linked("to absent", "parity-absent:gone", "parity-donor:store"),
    linked("twice", "parity-joiner:store", "parity-donor:store"),
    linked("over a name", "parity-donor:parity-joiner", to="parity-joiner"),
    linked("by name of the network", "parity-donor:store", to=f"store.{NAME}"),
    case("network links on bridge", create(NetworkingConfig={"EndpointsConfig": {"bridge": LINKS}}), shown(), start()),
    case("network links of the host", on(HostConfig={"Links": ["parity-donor:x"]}), shown(), start(), setup=SUBNETTED),
    case(
        "network links by the client",
        run("--rm", "--network", NAME, "--link", "parity-donor:store", IMAGE, "nslookup", "-type=a", "store"),
        setup=DONOR,
    ),
    case("network mode by id", on("{n}"), shown(), start(), shown(), setup=SUBNETTED),
    case("network mode of an absent one", on("absent"), shown(), start(), shown()),
    case("network mode with names", on(Hostname="me", Domainname="here"), start(), shown(), setup=SUBNETTED),
    case(
        "network mode with link address", on(MacAddress="02:11:22:33:44:55"), shown(), start(), shown(), setup=SUBNETTED
    ),
    case("network renamed", Call("POST", "/containers/{c}/rename", {"name": "parity-two"}), shown(), setup=RUNNING),
    case("network removed and made again", remove(), make(), start(), shown(), setup=STATES["stopped"]),
    case(
        "network of an internal one",
        on(ExposedPorts={"81/tcp": {}}, HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "0"}]}}),
        start(),
        shown(),
        setup=(make(Internal=True),),
    ),
    case("network of a run", run("--rm", "--network", NAME, IMAGE, "ip", "route"), setup=(pool({"Subnet": SUBNET}),)),
)

CASES = (*CREATES, *READS, *MEMBERS)
