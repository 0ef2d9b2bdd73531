"""Differences that are known and meant. An entry that no longer matches anything fails the suite."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """Cases and places by pattern (`*` matches everything, dots too), and why they differ."""

    case: str
    place: str
    reason: str
    sometimes: bool = False
    """Shown only by a peer that is configured for it, or by chance."""

    def covers(self, case: str, place: str) -> bool:
        return fnmatchcase(case, self.case) and fnmatchcase(place, self.place)


def each(cases: tuple[str, ...], place: str, reason: str) -> tuple[Known, ...]:
    """Return an entry for each of some cases."""
    return tuple(Known(case, place, reason) for case in cases)


FACTS = (
    Known("*", "headers.Builder-Version", "2 would promise BuildKit behind /grpc and /session"),
    Known("version*", "*GoVersion", "it is Python"),
    Known("version*", "body.Platform.Name", "names the engine"),
    Known("info*", "body.Plugins.Log.length", "json-file and none are the log drivers"),
    Known("info*", "body.Plugins.Network.length", "bridge, host and none are the network drivers"),
    Known("info*", "body.FirewallBackend.Driver", "the firewall is nftables alone"),
    Known("info*", "body.KernelMemory*", "limits of kernel memory, which cgroup v2 has no more, are not applied"),
    *each(
        ("size when *", "list by size"),
        "body*.Size*",
        "dockerd puts the mountpoints that a container needs into a layer below it; here they are in its own",
    ),
    *each(("docker ps with size", "docker run detached"), "*Size", "the sizes of above"),
)

HARDWARE = (
    Known("hardware *", "2 *body.LogPath", "the log is opened before the hardware is looked at"),
    Known("hardware no permissions", "*", "the number of the rule: dockerd writes its own ones twice"),
    Known("hardware no network", "*SandboxID", "its namespace is made by the engine, not by the runtime"),
    Known("hardware no network", "*SandboxKey", "the same"),
)

STATUSES = each(
    (
        "limit no number",
        "containers filter publish=*",
        "containers filter expose=*",
        "images filter until=*",
        "events since no time",
        "events until no time",
        "logs since no time",
        "logs since odd",
        "logs since with blank",
        "logs until no time",
        "stop no number",
        "stop by bad signal",
        "restart by bad signal",
        "unpause when *",
        "create security *",
        "create bind *",
        "exec of bad keys",
        "start as an absent *",
        "checkpoint of bad id",
        "checkpoints of *",
        "start from checkpoint outside",
        "start with checkpoint",
        "start with an absent group",
        "link of bad format",
        "link to nothing",
    ),
    "*status",
    "what the client did wrong is 400 here, 404 or 409; dockerd 28 lost the class of the error and says 500",
)

LATER_WORDS = (
    *each(
        (
            "events since no time",
            "events until no time",
            "logs since no time",
            "logs since odd",
            "logs since with blank",
            "logs until no time",
            "images filter until=*",
        ),
        "body.message",
        "the words of dockerd 29, which name the parameter",
    ),
    *each(
        ("checkpoint of bad id", "start from checkpoint outside", "start with checkpoint"),
        "*message",
        "no name leads out of the directory of checkpoints, wherever it is given; the words of the release after 29",
    ),
    Known("checkpoints of absent directory", "body.message", "names the directory, as the release after 29 does"),
    Known("platform bad", "body.message", "the words of the release before, which say the same more plainly"),
    Known("stored ports", "*Config.ExposedPorts.*", "stored with their protocol, as dockerd 29 does"),
)

BY_CHANCE = (
    Known("volume filter dangling both", "body.message", "Go shuffles a map", sometimes=True),
    Known("names of a name and a family", "out.*", "two questions at once, whose answers race", sometimes=True),
)
EARLIER = (
    *(
        Known(case, "*", "a program that is not there is told at create, dockerd lets the start fail", sometimes=True)
        for case in ("runtime 'gone'", "runtime of the cli that is missing")
    ),
    *each(
        ("create hostname too long", "create exposed port *", "create volume root", "create ipc of nobody"),
        "*",
        "refused at create, as dockerd 29 does; 28 lets the start fail",
    ),
    Known("mount of conflicting options", "*", "refused at create already"),
    *each(
        ("create network of absent container", "network of itself", "network of absent"),
        "*",
        "a donor that is not there is refused at create (start.md 11, no. 46)",
    ),
    Known("secrets before they were", "*", "the version from which an endpoint is there is checked for all of them"),
)

SLIPS = (
    *each(("remove link", "links removed"), "*status", "dockerd says Conflict and sends 500"),
    Known("network list with a member", "3 *body.length", "dockerd lists networks as dangling that containers run in"),
    Known(
        "doubled field", "*", "of two fields of one name only the last counts, as with dockerd, but dockerd checks both"
    ),
    Known("tag without a name", "*", "dockerd answers 200 and does nothing"),
    Known(
        "stored bind mount 1.43",
        "*HostConfig.Mounts.0.BindOptions",
        "dockerd notes on a copy that old read-only mounts are not recursive, and loses it",
    ),
    Known("stored anonymous volume of binds", "*Mounts.0.Name", "dockerd forgets to note the name that it made"),
    Known(
        "attach to the log of none",
        "body.stdout",
        "dockerd looks for a plugin called none and says so in the stream",
    ),
)

OURS = (
    Known("*", "*Wherry*", "where a start spent its time and how a run ended: an addition"),
    Known("*", "*Server-Timing", "what each step of the start cost: an addition"),
    Known("info*", "body.Runtimes.*-direct", "runtimes without a shim: an addition"),
    Known("create no image and no command", "body.message", "a body that says nothing is an empty config"),
    Known(
        "create endpoint*address*",
        "body.message",
        "dockerd adds a word on subnets, another one if docker0 was there before it",
    ),
    Known("volume over a file", "*err.0", "dockerd looks at create and names a path of its own"),
    Known("create port protocol bad", "*", "refused at create; dockerd 28 stores it and publishes nothing"),
    Known("create in a file", "*", "create mounts nothing, so a bad working directory is told at start"),
    *each(
        (
            "start as an absent user",
            "start with a bad tmpfs",
            "start from absent checkpoint",
            "* of a donor that never ran",
            "* of a donor that ended",
            "link to one that never ran",
        ),
        "*LogPath",
        "the place of the log is known from the first start on, whether that failed early or late",
    ),
    *each(
        ("inspect running host", "network mode host"),
        "*SandboxKey",
        "the host's own network namespace is pinned nowhere",
    ),
    *each(
        ("network removed and made again", "network connect with * link stopped"),
        "*ExitCode",
        "a failed start never shows the code of an earlier run",
    ),
    *each(
        (
            "network joined by the gateway's address",
            "network links of bad format",
            "network links to nothing",
            "network connect with * link created",
        ),
        "4 *DNSNames",
        "the names are stored with the endpoint, which there was not",
    ),
    *each(
        ("network links of bad format", "network links to nothing", "network connect with * link *"),
        "4 *NetworkID",
        "the same for the network's id",
    ),
    Known(
        "names of reverse names",
        "2 *",
        "names are the same in capitals (RFC 4343); dockerd knows in-addr.arpa in small letters alone",
    ),
    Known("network connect with * link running", "*Networks.parity-other", "dockerd leaves half of a failed connect"),
)

UNSUPPORTED = tuple(
    Known(case, "*unsupported", f"not there yet: {feature}")
    for case, feature in (
        ("create no image", "containers without an image"),
        ("create endpoint bad sysctl", "options of endpoints"),
        ("create sysctl of *interface", "options of endpoints"),
        ("create userns mode", "user namespaces"),
        ("create mount cluster", "cluster volumes"),
        ("create mount npipe", "named pipes"),
        ("create storage option", "quotas of the root filesystem, which dockerd ignores with its containerd store"),
    )
)

KNOWN = (*FACTS, *HARDWARE, *STATUSES, *LATER_WORDS, *EARLIER, *BY_CHANCE, *SLIPS, *OURS, *UNSUPPORTED)
