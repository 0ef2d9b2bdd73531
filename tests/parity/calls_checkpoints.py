"""Checkpoints: what is refused, and the words for what is not there. The peer and OURS are experimental."""

from tests.parity.cases import CREATED, RUNNING, Call, Case, case

SHOW = Call("GET", "/containers/{c}/json")
HERE = "/containers/{c}/checkpoints"


def make(**body: object) -> Call:
    return Call("POST", HERE, body=body)


CASES: tuple[Case, ...] = (
    case("checkpoint of absent", Call("POST", "/containers/absent/checkpoints", body={"CheckpointID": "ab"})),
    case("checkpoint when created", make(CheckpointID="ab"), setup=CREATED),
    case("checkpoint without body", Call("POST", HERE), setup=CREATED),
    case("checkpoint of bad body", make(CheckpointID=1), setup=CREATED),
    case("checkpoint of bad id", make(CheckpointID="../ab"), make(), make(CheckpointID="ab."), setup=RUNNING),
    case("checkpoint over a file", make(CheckpointID="ab", CheckpointDir="/etc/passwd"), setup=RUNNING),
    case("checkpoints of absent", Call("GET", "/containers/absent/checkpoints")),
    case("checkpoints", Call("GET", HERE), setup=CREATED),
    case("checkpoints of absent directory", Call("GET", HERE, "dir=/absent"), setup=CREATED),
    case("checkpoints of a file", Call("GET", HERE, "dir=/etc/passwd"), setup=CREATED),
    case("remove checkpoint of absent", Call("DELETE", "/containers/absent/checkpoints/ab")),
    case("remove absent checkpoint", Call("DELETE", f"{HERE}/ab"), setup=CREATED),
    case("remove checkpoint outside", Call("DELETE", f"{HERE}/..%2Fab"), setup=CREATED),
    case("remove file as checkpoint", Call("DELETE", f"{HERE}/passwd", "dir=/etc"), setup=CREATED),
    case("start from absent checkpoint", Call("POST", "/containers/{c}/start", "checkpoint=ab"), SHOW, setup=CREATED),
    case("start from checkpoint when running", Call("POST", "/containers/{c}/start", "checkpoint=ab"), setup=RUNNING),
    case("start from checkpoint outside", Call("POST", "/containers/{c}/start", "checkpoint=..%2Fab"), setup=CREATED),
)
