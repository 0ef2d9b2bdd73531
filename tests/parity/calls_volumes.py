"""Volumes."""

import json
from typing import Any

from tests.parity.cases import Call, Case, Cli, case, create, run
from tests.parity.side import IMAGE

NAME = "parity-volume"
INSPECT = Call("GET", f"/volumes/{NAME}")
REMOVE = Call("DELETE", f"/volumes/{NAME}")
CLEAN = Call("DELETE", f"/volumes/{NAME}", "force=1")
GONE = Call("DELETE", "/containers/{c}", "force=1&v=1")


def make(name: str = NAME, version: str = "/v1.51", **body: Any) -> Call:
    return Call("POST", "/volumes/create", body={"Name": name, **body}, version=version)


def listing(**filters: list[str]) -> Call:
    return Call("GET", "/volumes", {"filters": json.dumps(filters)})


def prune(version: str = "/v1.51", **filters: list[str]) -> Call:
    """Return a prune that takes nothing: of what is there nothing has that label."""
    return Call("POST", "/volumes/prune", {"filters": json.dumps({"label": ["absent"], **filters})}, version=version)


def mounted(name: str, *, bind: str = "", **mount: Any) -> Case:
    """Create a container with a named volume and look at it."""
    host = {"Binds": [bind]} if bind else {"Mounts": [{"Type": "volume", "Source": NAME, "Target": "/a", **mount}]}
    shown = Cli(("inspect", "-f", "{{json .Mounts}}", "{c}"))
    return case(f"volume mounted {name}", create(HostConfig=host), shown, INSPECT, REMOVE, GONE, CLEAN)


CASES = (
    case("volume life", make(), INSPECT, listing(name=[NAME]), REMOVE, REMOVE, CLEAN),
    case("volume with labels", make(Labels={"a": "b"}, DriverOpts={}), make(Labels={"c": "d"}), CLEAN),
    case("volume with empty labels", make(Labels={}), CLEAN),
    case("volume inspect absent", Call("GET", "/volumes/absent")),
    case("volume inspect bad name", Call("GET", "/volumes/a%2Fb")),
    case("volume remove absent", Call("DELETE", "/volumes/absent"), Call("DELETE", "/volumes/absent", "force=1")),
    case("volume update", Call("PUT", f"/volumes/{NAME}", body={})),
    case("volume of a cluster", make(ClusterVolumeSpec={})),
    case("volume name too short", make("a")),
    case("volume name bad", make("a/b")),
    case("volume driver absent", make(Driver="absent")),
    case("volume option unknown", make(DriverOpts={"absent": "a"})),
    case("volume body no name", Call("POST", "/volumes/create", body={"Name": 5})),
    case("volume body half", Call("POST", "/volumes/create", raw=b"{", headers={"Content-Type": "application/json"})),
    case("volume body text", Call("POST", "/volumes/create", raw=b"{}", headers={"Content-Type": "text/plain"})),
    *(
        case(f"volume filter {key}={value}", listing(**{key: [value]}, name=["absent"]))
        for key, value in (("absent", "a"), ("dangling", "a"), ("dangling", "1"), ("driver", "a"), ("label", "a"))
    ),
    case("volume filter name broken", listing(name=["("])),
    case("volume filter dangling both", listing(dangling=["true", "false"])),
    case("volume prune nothing", prune()),
    case("volume prune by absent filter", prune(absent=["a"])),
    case("volume prune all", prune(all=["1"])),
    case("volume prune all bad", prune(all=["a"])),
    case("volume prune 1.41", prune("/v1.41")),
    mounted("by bind", bind=f"{NAME}:/a"),
    mounted("by bind read-only", bind=f"{NAME}:/a:ro"),
    mounted("by bind without copy", bind=f"{NAME}:/a:nocopy"),
    mounted("by mount", ReadOnly=True),
    mounted("by mount with labels", VolumeOptions={"Labels": {"a": "b"}, "NoCopy": True}),
    mounted("by mount of absent driver", VolumeOptions={"DriverConfig": {"Name": "absent"}}),
    mounted("by mount with unknown option", VolumeOptions={"DriverConfig": {"Options": {"absent": "a"}}}),
    case("volume driver of a container", create(HostConfig={"VolumeDriver": "absent", "Binds": [f"{NAME}:/a"]})),
    case("volume driver of an anonymous volume", create(HostConfig={"VolumeDriver": "absent", "Binds": ["/a"]})),
    case(
        "volume driver unused",
        create(HostConfig={"VolumeDriver": "absent", "Mounts": [{"Type": "volume", "Source": NAME, "Target": "/a"}]}),
        GONE,
        CLEAN,
    ),
    case(
        "volume copied up",
        run("--rm", "-v", f"{NAME}:/etc", IMAGE, "true"),
        run("--rm", "-v", f"{NAME}:/a:ro", IMAGE, "sh", "-c", "ls -ln /a/passwd /a/group; touch /a/b"),
        run("--rm", "-v", f"{NAME}:/a:nocopy", IMAGE, "cat", "/a/passwd"),
        CLEAN,
    ),
    case("volume over a file", run("--rm", "-v", f"{NAME}:/etc/passwd", IMAGE, "true"), CLEAN),
)
