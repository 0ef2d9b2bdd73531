"""What a container on a user's network finds by name and by address, and its resolv.conf."""

from typing import Any

from tests.parity.calls_networks import NAME, OTHER, SUBNETTED, connect, disconnect, make, wish
from tests.parity.cases import Case, Cli, Step, case, create, start

DONOR, ASKER = "10.211.7.20", "10.211.7.30"
NOBODY = "127.0.0.1"
"""A server that refuses at once: a question that is not answered here ends as SERVFAIL."""
SEEN = Cli(("exec", "parity-asker", "cat", "/etc/resolv.conf"))


def member(name: str, address: str, keep: str = "c", **config: Any) -> Step:
    host = {"NetworkMode": NAME, **config.pop("HostConfig", {})}
    endpoints = {"EndpointsConfig": wish(address, **config.pop("endpoint", {}))}
    return create(name, keep=keep, HostConfig=host, NetworkingConfig=endpoints, **config)


def asks(name: str, *asked: str, kind: str = "", more: tuple[Step, ...] = (), **endpoint: Any) -> Case:
    """A container asks, beside one that has an alias; without a kind a name is asked for both families."""
    option = (f"-type={kind}",) if kind else ()
    steps = [Cli(("exec", "parity-asker", "nslookup", *option, each)) for each in asked]
    made = member("parity-asker", ASKER, "a", HostConfig={"Dns": [NOBODY]}, endpoint=endpoint)
    return case(f"names {name}", *more, *steps, setup=(*SUBNETTED, *HELD, made, start("{a}")))


def resolv(name: str, *then: Step, mode: str = NAME, **host: Any) -> Case:
    made = create("parity-asker", HostConfig={"NetworkMode": mode, **host})
    return case(f"resolv.conf {name}", made, start(), SEEN, *then, setup=SUBNETTED)


HELD = (member("parity-donor", DONOR, endpoint={"Aliases": ["store"]}), start())
ELSEWHERE = (make(OTHER, keep="m"), connect(OTHER, "{a}"), disconnect(NAME, "{a}"))

FOUND = (
    asks("of others", "parity-donor", "store", f"PARITY-DONOR.{NAME}", "parity-asker", kind="a"),
    asks("of a family that it has not", "parity-donor", kind="aaaa"),
    asks("of mail", "parity-donor", "nobody", kind="mx"),
    asks("of service", "parity-donor", kind="srv"),
    asks("of nobody", "nobody", f"nobody.{NAME}", f"parity-donor.{OTHER}", kind="a"),
    asks("of a name and a family", "parity-donor"),
    asks("of addresses", DONOR, ASKER),
    asks("of addresses that nobody has", "10.211.7.99", "10.211.7.1", "127.0.0.11", "fd00::1"),
    asks("of reverse names", "20.7.211.10.in-addr.arpa", "20.7.211.10.IN-ADDR.ARPA", kind="ptr"),
    asks("of odd reverse names", "x.in-addr.arpa", "7.211.10.in-addr.arpa", "020.7.211.10.in-addr.arpa", kind="ptr"),
    asks("of an address by its link", DONOR, Links=["parity-donor:linked"]),
    asks("of an address whose name is hidden", DONOR, Links=["nobody:parity-donor"]),
    asks("of an address of a network that was left", DONOR, ASKER, more=ELSEWHERE),
)

RESOLV = (
    resolv("plain"),
    resolv("of a server", Dns=["192.0.2.53"]),
    resolv("of three servers", Dns=["192.0.2.53", "2001:db8::53", "127.0.0.53"]),
    resolv("of the resolver", Dns=["127.0.0.11"]),
    resolv("of a bad server", Dns=["x"]),
    resolv("of domains", DnsSearch=["a.example", "b.example"]),
    resolv("of no domain", DnsSearch=["."]),
    resolv("of no domain and one", DnsSearch=[".", "a.example"]),
    resolv("of options", DnsOptions=["timeout:1", "rotate"]),
    *(
        resolv(f"of option {option}", DnsOptions=[option, "rotate"])
        for option in (
            "ndots:2",
            "ndots:0",
            "ndots:x",
            "ndots:-1",
            "ndots:",
            "ndots",
            "ndots:2:3",
            "ndots:+1",
            "ndots: 1",
        )
    ),
    resolv("of two ndots", DnsOptions=["ndots:x", "ndots:3", "ndots:4"]),
    resolv("of all", Dns=["192.0.2.53"], DnsSearch=["a.example"], DnsOptions=["ndots:1"]),
    *(
        resolv(f"of all in {mode}", mode=mode, Dns=["192.0.2.53"], DnsSearch=["a.example"], DnsOptions=["ndots:x"])
        for mode in ("bridge", "none", "host")
    ),
    *(resolv(f"plain in {mode}", mode=mode) for mode in ("bridge", "none", "host")),
    resolv("after a connect", connect(), SEEN, disconnect(), SEEN, mode="bridge", DnsOptions=["ndots:x"]),
    resolv(
        "that was edited",
        Cli(("exec", "parity-asker", "sh", "-c", "echo '# mine' >> /etc/resolv.conf")),
        connect(),
        SEEN,
        mode="bridge",
    ),
)

CASES = (*FOUND, *RESOLV)
