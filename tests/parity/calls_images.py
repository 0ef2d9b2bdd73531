"""Images and networks."""

from tests.parity.cases import RUNNING, Call, Case, Cli, case
from tests.parity.side import IMAGE

VERSIONS = ("1.24", "1.40", "1.42", "1.43", "1.44", "1.46", "1.47", "1.48", "1.50", "1.51")
OTHER = "parity.example:5000/team/box"
TAG = Call("POST", "/images/busybox/tag", {"repo": OTHER, "tag": "v1"})
UNTAG = Call("DELETE", f"/images/{OTHER}:v1")
ONLY_BUSYBOX = {"filters": '{"reference": ["busybox:latest"]}'}


def tag(name: str, ref: str, repo: str, label: str = "") -> Case:
    return case(f"tag {name}", Call("POST", f"/images/{ref}/tag", {"repo": repo, "tag": label}))


def network(name: str, version: str = "1.51") -> Case:
    return case(f"network {name} {version}", Call("GET", f"/networks/{name}", version=f"/v{version}"))


IMAGES = (
    *(case(f"image inspect {v}", Call("GET", f"/images/{IMAGE}/json", version=f"/v{v}")) for v in VERSIONS),
    *(case(f"image list {v}", Call("GET", "/images/json", ONLY_BUSYBOX, version=f"/v{v}")) for v in VERSIONS),
    case("image list by the old filter", Call("GET", "/images/json", "filter=busybox", version="/v1.24")),
    case("image list all", Call("GET", "/images/json", {"all": "1", **ONLY_BUSYBOX})),
    case("image list with digests", Call("GET", "/images/json", {"digests": "1", **ONLY_BUSYBOX})),
    case("image list with shared sizes", Call("GET", "/images/json", {"shared-size": "1", **ONLY_BUSYBOX})),
    case("image list with manifests", Call("GET", "/images/json", {"manifests": "1", **ONLY_BUSYBOX})),
    *(
        case(f"image list of {name}", Call("GET", "/images/json", {"filters": f'{{"reference": ["{ref}"]}}'}))
        for name, ref in (
            ("a name", "busybox"),
            ("a pattern", "busy*"),
            ("a tag pattern", "busybox:l*"),
            ("a domain", "docker.io/*/*"),
            ("another tag", "busybox:1"),
        )
    ),
    case(
        "image list not dangling",
        Call("GET", "/images/json", {"filters": '{"dangling":["false"],"reference":["busybox"]}'}),
    ),
    *(
        case(f"image inspect by {name}", Call("GET", f"/images/{ref}/json"))
        for name, ref in (
            ("short name", "busybox"),
            ("full name", "docker.io/library/busybox:latest"),
            ("id", "{image}"),
            ("absent name", "absent"),
            ("absent tag", "busybox:absent"),
            ("absent name in a domain", "example.com/a/b:c"),
            ("absent id", "sha256:" + "0" * 64),
            ("absent hex", "0123456789ab"),
            ("bad name", "Bad"),
            ("bad tag", "busybox:-x"),
            ("absent digest", "busybox@sha256:" + "0" * 64),
            ("bad digest", "busybox@sha256:1"),
            ("manifests", f"{IMAGE}/json?manifests=1&x="),
        )
    ),
    tag("absent", "absent", "x"),
    tag("without a name", "busybox", ""),
    tag("bad name", "busybox", "Bad/Name"),
    tag("bad tag", "busybox", "parity", "-x"),
    tag("as a digest", "busybox", "parity@sha256:" + "0" * 64),
    tag("as hex", "busybox", "0" * 64),
    case(
        "tag and untag",
        TAG,
        TAG,
        Call("GET", "/images/busybox/json"),
        Call("GET", f"/images/{OTHER}:v1/json"),
        Call("GET", "/images/json", {"filters": f'{{"reference": ["{OTHER}"]}}'}),
        UNTAG,
        UNTAG,
    ),
    case("untag what a container does not use", TAG, UNTAG, setup=RUNNING),
    case("delete in use", Call("DELETE", "/images/busybox"), setup=RUNNING),
    case("delete in use by id", Call("DELETE", "/images/{image}"), setup=RUNNING),
    case("delete by id with two names", TAG, Call("DELETE", "/images/{image}"), UNTAG),
    case("delete absent", Call("DELETE", "/images/absent")),
    case("delete absent id", Call("DELETE", "/images/sha256:" + "0" * 64)),
    case("delete bad name", Call("DELETE", "/images/Bad")),
    case("load nothing", Call("POST", "/images/load", raw=b"", headers={"Content-Type": "application/x-tar"})),
    case(
        "load no archive",
        Call("POST", "/images/load", raw=b"hello" * 1000, headers={"Content-Type": "application/x-tar"}),
    ),
)

NETWORKS = (
    *(network(name) for name in ("bridge", "host", "none", "absent", "default")),
    *(network("bridge", version) for version in ("1.24", "1.40", "1.44", "1.47", "1.48", "1.50")),
    case("network verbose", Call("GET", "/networks/bridge?verbose=1")),
    case("network of a bad scope", Call("GET", "/networks/bridge?scope=nonsense")),
    case("network with a container", Call("GET", "/networks/bridge"), setup=RUNNING),
    *(
        case(f"network list of {key} {value}", Call("GET", "/networks", {"filters": f'{{"{key}": ["{value}"]}}'}))
        for key, value in (("name", "bridge"), ("driver", "host"), ("driver", "null"), ("scope", "local"))
    ),
    case(
        "network list builtin",
        Cli(("network", "ls", "--filter", "type=builtin", "--format", "{{.Name}} {{.Driver}} {{.Scope}}")),
    ),
)

CASES = (*IMAGES, *NETWORKS)
