"""What is read of containers: inspect and list in each state and version, logs, attach, events."""

import time
from dataclasses import dataclass

from tests.parity.cases import (
    CREATED,
    EXITED,
    RUNNING,
    STATES,
    TERMINAL,
    Call,
    Hijack,
    Json,
    Names,
    case,
    create,
    ended,
    start,
    wait,
)
from tests.parity.side import LABEL, Side

VERSIONS = ("1.24", "1.40", "1.43", "1.44", "1.46", "1.48", "1.51")
BY_NAME = {"all": "1", "filters": '{"name": ["parity-one"]}'}
LATE_SECONDS = 5
LOGS = "/containers/{c}/logs"
SPEAKS = (create("parity-one", Cmd=["sh", "-c", "echo one; echo two; echo -n three"]), start(), *ended())
COMPLAINS = (create("parity-one", Cmd=["sh", "-c", "echo oh >&2"]), start(), *ended())
SPOKE_TO_TERMINAL = (create("parity-one", Tty=True, Cmd=["sh", "-c", "echo one; echo two >&2"]), start(), *ended())
SILENT = (create("parity-one", Cmd=["echo", "out"], HostConfig={"LogConfig": {"Type": "none"}}), start(), *ended())


@dataclass(frozen=True)
class Note:
    """Note the time under a name, as a client would for `since` and `until`."""

    name: str

    @property
    def label(self) -> str:
        return self.name

    def do(self, side: Side, names: Names) -> Json:
        now = time.time_ns()
        names[self.name] = f"{now // 10**9}.{now % 10**9:09}"
        return {}


@dataclass(frozen=True)
class Events:
    """What happened since a note: all events in order once the one `to` is there, which may be a little late.

    `as_a_set` is for events that dockerd sends in any order.
    """

    query: str = ""
    to: str = ""
    version: str = "/v1.51"
    as_a_set: bool = False
    label: str = "events"

    def do(self, side: Side, names: Names) -> Json:
        late = time.monotonic() + LATE_SECONDS
        while True:
            answer = self._ask(side, names)
            if any(event["Action"].startswith(self.to) for event in answer["body"]) or time.monotonic() > late:
                return answer

    def _ask(self, side: Side, names: Names) -> Json:
        Note("until").do(side, names)
        query = f"since={names['since']}&until={names['until']}{self.query}"
        answer = Call("GET", "/events", query, version=self.version).do(side, names)
        found = answer["body"]
        answer["body"] = found if isinstance(found, list) else [found] if found else []
        if self.as_a_set:
            answer["body"].sort(key=lambda event: event["Action"])
        return answer


def shown(name: str, *setup: Call) -> tuple:
    return tuple(
        case(f"{what} {name} {version}", call, setup=setup)
        for version in VERSIONS
        for what, call in (
            ("inspect", Call("GET", "/containers/{c}/json", version=f"/v{version}")),
            ("list", Call("GET", "/containers/json", BY_NAME, version=f"/v{version}")),
        )
    )


def listed(name: str, setup: tuple[Call, ...] = RUNNING, **query: str) -> object:
    return case(f"list by {name}", Call("GET", "/containers/json", query), setup=setup)


def logs(name: str, query: str, setup: tuple[Call, ...] = SPEAKS, version: str = "1.51") -> object:
    return case(f"logs {name}", Call("GET", LOGS, query, version=f"/v{version}"), setup=setup)


INSPECTED = (
    *(item for state, setup in STATES.items() for item in shown(state, *setup)),
    *shown("terminal", *TERMINAL),
    *(
        case(
            f"inspect running {mode}",
            Call("GET", "/containers/{c}/json"),
            Call("GET", "/containers/json", BY_NAME),
            setup=(create("parity-one", HostConfig={"NetworkMode": mode}), start()),
        )
        for mode in ("host", "none")
    ),
    case(
        "inspect running with ports",
        Call("GET", "/containers/{c}/json"),
        Call("GET", "/containers/json", BY_NAME),
        setup=(create("parity-one", ExposedPorts={"80/tcp": {}, "53/udp": {}}), start()),
    ),
    case(
        "inspect running privileged",
        Call("GET", "/containers/{c}/json"),
        setup=(create("parity-one", HostConfig={"Privileged": True}), start()),
    ),
    case(
        "inspect running with mounts",
        Call("GET", "/containers/{c}/json"),
        Call("GET", "/containers/json", BY_NAME),
        setup=(create("parity-one", HostConfig={"Binds": ["{dir}:/a", "{dir}:/b:ro"]}), start()),
    ),
    case(
        "inspect killed",
        Call("GET", "/containers/{c}/json"),
        Call("GET", "/containers/json", BY_NAME),
        setup=(*RUNNING, Call("POST", "/containers/{c}/kill"), *ended()),
    ),
    listed("nothing but its name", **BY_NAME),
    listed("status", filters='{"name": ["parity-one"], "status": ["running"]}'),
    listed("other status", filters='{"name": ["parity-one"], "status": ["exited", "dead"]}'),
    listed("exit code", EXITED, all="1", filters='{"name": ["parity-one"], "exited": ["3"]}'),
    listed("label", filters='{"label": ["' + LABEL + '"]}', setup=(create("parity-one", Labels={LABEL: "1"}), start())),
    listed("ancestor", filters='{"name": ["parity-one"], "ancestor": ["busybox"]}'),
    listed("network", filters='{"name": ["parity-one"], "network": ["bridge"]}'),
    listed("is task", filters='{"name": ["parity-one"], "is-task": ["false"]}'),
    listed("health", filters='{"name": ["parity-one"], "health": ["none"]}'),
    listed("expose", filters='{"name": ["parity-one"], "expose": ["80"]}'),
    listed("size", size="1", filters='{"name": ["parity-one"]}'),
    listed("since itself", all="1", filters='{"name": ["parity-one"], "since": ["parity-one"]}'),
    listed("before itself", all="1", filters='{"name": ["parity-one"], "before": ["parity-one"]}'),
    listed("name that does not match", filters='{"name": ["^parity-on$"]}'),
    listed("map form", filters='{"name": {"^/parity-one$": true}}'),
    listed("map form that is false", filters='{"name": {"parity-one": false}}'),
    case("list running only", Call("GET", "/containers/json", {"filters": '{"name": ["parity-one"]}'}), setup=EXITED),
    case(
        "list of two",
        Call("GET", "/containers/json", {"all": "1", "filters": '{"name": ["parity-"]}'}),
        Call("GET", "/containers/json", {"limit": "1", "filters": '{"name": ["parity-"]}'}),
        setup=(create("parity-one"), create("parity-two", Cmd=["sh", "-c", "echo a b"], Labels={"a": "b"})),
    ),
)

LOGGED = (
    logs("of stdout", "stdout=1"),
    logs("of both", "stdout=1&stderr=1"),
    logs("of the other", "stderr=1"),
    logs("of stderr", "stdout=1&stderr=1", COMPLAINS),
    logs("of nothing", ""),
    logs("of no stream", "stdout=0&stderr=false"),
    logs("before 1.42", "stdout=1", version="1.41"),
    logs("tail", "stdout=1&tail=1"),
    logs("tail of none", "stdout=1&tail=0"),
    logs("tail of all", "stdout=1&tail=all"),
    logs("tail negative", "stdout=1&tail=-1"),
    logs("tail that is none", "stdout=1&tail=abc"),
    logs("timestamps", "stdout=1&timestamps=1"),
    logs("details", "stdout=1&details=1"),
    logs("details and timestamps", "stdout=1&details=1&timestamps=1&tail=1"),
    logs("since", "stdout=1&since=1"),
    logs("since the future", "stdout=1&since=99999999999"),
    logs("until", "stdout=1&until=1"),
    logs("since no time", "stdout=1&since=abc"),
    logs("since odd", "stdout=1&since=1.5.5"),
    logs("since with blank", "stdout=1&since=%201"),
    logs("until no time", "stdout=1&until=abc"),
    logs("followed to the end", "stdout=1&follow=1"),
    logs("of a terminal", "stdout=1&stderr=1", SPOKE_TO_TERMINAL),
    logs("of a created one", "stdout=1", CREATED),
    logs("of a running one", "stdout=1", RUNNING),
    logs("of none", "stdout=1", SILENT),
    logs("of none followed", "stdout=1&follow=1", SILENT),
)

SHOW = Call("GET", "/containers/{c}/json")
ATTACH = "/containers/{c}/attach"
ALL = "stream=1&stdin=1&stdout=1&stderr=1"
CAT = (create("parity-one", Cmd=["cat"], OpenStdin=True, StdinOnce=True),)

ATTACHED = (
    case("attach and start", Hijack(ATTACH, ALL, then=(start(),)), setup=(create(Cmd=["echo", "out"]),)),
    case("attach to stderr", Hijack(ATTACH, ALL, then=(start(),)), setup=(create(Cmd=["sh", "-c", "echo err >&2"]),)),
    case("attach with stdin", Hijack(ATTACH, ALL, send=b"in\n", then=(start(),)), setup=CAT),
    case(
        "attach to a terminal",
        Hijack(ATTACH, ALL.replace("stdin=1", "stdin=0"), then=(start(), wait())),
        setup=(create(Tty=True, Cmd=["echo", "out"]),),
    ),
    case(
        "attach before 1.42",
        Hijack(ATTACH, ALL, version="/v1.41", then=(start(),)),
        setup=(create(Cmd=["echo", "out"]),),
    ),
    case(
        "attach without upgrade",
        Hijack(ATTACH, ALL, upgrade=False, then=(start(),)),
        setup=(create(Cmd=["echo", "out"]),),
    ),
    case("attach to the log", Hijack(ATTACH, "logs=1&stdout=1&stderr=1"), setup=SPEAKS),
    case("attach to the log of none", Hijack(ATTACH, "logs=1&stdout=1"), setup=SILENT),
    case("attach to an exited one", Hijack(ATTACH, "stdout=1"), setup=EXITED),
    case("attach and detach", Hijack(ATTACH, ALL, send=b"\x10\x11"), SHOW, setup=TERMINAL),
    case(
        "attach and detach by keys of one's own",
        Hijack(ATTACH, f"{ALL}&detachKeys=a,ctrl-x", send=b"a\x18"),
        setup=TERMINAL,
    ),
    case(
        "attach to log and stream",
        Hijack(ATTACH, "logs=1&stream=1&stdout=1", then=(Call("POST", "/containers/{c}/kill"),)),
        setup=(
            create("parity-one", Cmd=["sh", "-c", "echo out; sleep 1000"]),
            start(),
            Call("GET", LOGS, "stdout=1&follow=1&until=1"),
        ),
    ),
    case("attach to absent", Hijack("/containers/absent/attach", ALL)),
    case("attach with bad keys", Hijack(ATTACH, f"{ALL}&detachKeys=nonsense,"), setup=CREATED),
    case("attach with a bad query", Hijack(ATTACH, "stdin=%zz"), setup=CREATED),
)

ONE = "&filters=%7B%22container%22%3A%5B%22parity-one%22%5D%7D"
CONTAINERS = "&filters=%7B%22type%22%3A%5B%22container%22%5D%7D"
SINCE = Note("since")

EVENTS = (
    case(
        "events of a life",
        Events(CONTAINERS),
        setup=(
            SINCE,
            create("parity-one", Cmd=["true"], Labels={"a": "b"}),
            start(),
            *ended(),
            Call("DELETE", "/containers/{c}"),
        ),
    ),
    case(
        "events of a life and its network",
        Events(),
        setup=(SINCE, create("parity-one", Cmd=["true"]), start(), *ended(), Call("DELETE", "/containers/{c}")),
    ),
    case(
        "events of a life 1.24",
        Events(CONTAINERS, version="/v1.24"),
        setup=(SINCE, create("parity-one", Cmd=["true"]), start(), *ended(), Call("DELETE", "/containers/{c}")),
    ),
    case("events by container", Events(ONE), setup=(SINCE, *CREATED)),
    case("events of kill", Events(CONTAINERS), setup=(SINCE, *RUNNING, Call("POST", "/containers/{c}/kill"), *ended())),
    case(
        "events of stop",
        Events(CONTAINERS, "stop", as_a_set=True),
        setup=(SINCE, *RUNNING, Call("POST", "/containers/{c}/stop", "t=1")),
    ),
    case(
        "events of force",
        Events(CONTAINERS, "destroy"),
        setup=(SINCE, *RUNNING, Call("DELETE", "/containers/{c}", "force=1")),
    ),
    case(
        "events of exec",
        Events(CONTAINERS, "exec_die"),
        setup=(
            *RUNNING,
            SINCE,
            Call("POST", "/containers/{c}/exec", body={"Cmd": ["echo", "a b"], "AttachStdout": True}, keep="e"),
            Hijack("/exec/{e}/start", body={}),
        ),
    ),
    case(
        "events of attach",
        Events(CONTAINERS),
        setup=(SINCE, create("parity-one", Cmd=["true"]), Hijack(ATTACH, ALL, then=(start(),)), *ended()),
    ),
    case(
        "events of resize",
        Events(CONTAINERS),
        setup=(*TERMINAL, SINCE, Call("POST", "/containers/{c}/resize", "h=1&w=2")),
    ),
    case(
        "events of a signal",
        Events(CONTAINERS, "kill"),
        setup=(*RUNNING, SINCE, Call("POST", "/containers/{c}/kill", "signal=HUP")),
    ),
    case(
        "events of detach",
        Events(CONTAINERS, "detach"),
        setup=(*TERMINAL, SINCE, Hijack(ATTACH, ALL, send=b"\x10\x11")),
    ),
    case(
        "events of removal by itself",
        Events(CONTAINERS, "destroy"),
        setup=(SINCE, create("parity-one", Cmd=["true"], HostConfig={"AutoRemove": True}), start()),
    ),
    case(
        "events by event and label",
        Events("&filters=%7B%22event%22%3A%5B%22create%22%5D%2C%22label%22%3A%5B%22a%3Db%22%5D%7D"),
        setup=(SINCE, create("parity-one", Labels={"a": "b"}), create("parity-two")),
    ),
    case(
        "events by image",
        Events("&filters=%7B%22image%22%3A%5B%22busybox%22%5D%7D", "start"),
        setup=(SINCE, *RUNNING),
    ),
    case(
        "events of tags",
        Events(),
        setup=(
            SINCE,
            Call("POST", "/images/busybox/tag", {"repo": "parity", "tag": "1"}),
            Call("DELETE", "/images/parity:1"),
        ),
    ),
    case(
        "events of a failed start",
        start(),
        Events(CONTAINERS),
        setup=(create("parity-one", Cmd=["absent"]), SINCE),
    ),
)

CASES = (*INSPECTED, *LOGGED, *ATTACHED, *EVENTS)
