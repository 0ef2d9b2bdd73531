"""The verbs of a container's life: what they answer in each state, and what they leave."""

from tests.parity.cases import (
    CREATED,
    EXITED,
    RUNNING,
    STATES,
    TERMINAL,
    Call,
    Case,
    Hijack,
    case,
    create,
    start,
    wait,
)

SHOW = Call("GET", "/containers/{c}/json")
STOP = Call("POST", "/containers/{c}/stop", "t=1")
KILL = Call("POST", "/containers/{c}/kill")
REMOVE = Call("DELETE", "/containers/{c}")
QUICK = {"StopSignal": "SIGKILL"}

ABSENT = tuple(
    case(f"{method} {verb or 'rm'} of absent", Call(method, f"/containers/absent{'/' * bool(verb)}{verb}", query))
    for method, verb, query in (
        ("POST", "start", ""),
        ("POST", "stop", ""),
        ("POST", "kill", ""),
        ("POST", "wait", ""),
        ("GET", "json", ""),
        ("GET", "logs", "stdout=1"),
        ("POST", "resize", "h=1&w=1"),
        ("DELETE", "", ""),
        ("POST", "attach", ""),
    )
)

BAD = (
    case("start with body", Call("POST", "/containers/{c}/start", body={"Binds": []}), setup=CREATED),
    case("start with a small body", Call("POST", "/containers/{c}/start", body={}), setup=CREATED),
    case("start with checkpoint", Call("POST", "/containers/{c}/start", "checkpoint=a"), setup=CREATED),
    case("start with checkpoint directory", Call("POST", "/containers/{c}/start", "checkpoint-dir=/a"), setup=CREATED),
    case("stop by bad signal", Call("POST", "/containers/{c}/stop", "signal=NONSENSE"), setup=RUNNING),
    case("kill by bad signal", Call("POST", "/containers/{c}/kill", "signal=NONSENSE"), setup=RUNNING),
    case("kill by bad number", Call("POST", "/containers/{c}/kill", "signal=99"), setup=RUNNING),
    case("kill by zero", Call("POST", "/containers/{c}/kill", "signal=0"), setup=RUNNING),
    case("wait for nonsense", Call("POST", "/containers/{c}/wait", "condition=nonsense"), setup=CREATED),
    case(
        "wait for nonsense long ago",
        Call("POST", "/containers/{c}/wait", "condition=nonsense", version="/v1.29"),
        setup=EXITED,
    ),
    case("remove link", Call("DELETE", "/containers/{c}", "link=1"), setup=CREATED),
    case("id and more", Call("GET", "/containers/{c}-/json"), setup=CREATED),
    case("start of an absent command", start(), SHOW, setup=(create("parity-one", Cmd=["absent"]),)),
    case("start of a directory", start(), SHOW, setup=(create("parity-one", Cmd=["/etc"]),)),
    case("start of a file", start(), SHOW, setup=(create("parity-one", Cmd=["/etc/passwd"]),)),
    case("create in a file", create(WorkingDir="/etc/passwd")),
    case("start as an absent user", start(), SHOW, setup=(create("parity-one", User="absent"),)),
    case("start as an absent group", start(), setup=(create("parity-one", User="root:absent"),)),
    case("start with an absent group", start(), setup=(create("parity-one", HostConfig={"GroupAdd": ["absent"]}),)),
    case(
        "start with a bad sysctl",
        start(),
        SHOW,
        setup=(create("parity-one", HostConfig={"Sysctls": {"kernel.panic": "1"}}),),
    ),
    case(
        "start with a bad sysctl name",
        start(),
        setup=(create("parity-one", HostConfig={"Sysctls": {"nonsense": "1"}}),),
    ),
    case(
        "start with a bad tmpfs", start(), SHOW, setup=(create("parity-one", HostConfig={"Tmpfs": {"/a": "nonsense"}}),)
    ),
    case(
        "start with a mount on a file",
        start(),
        SHOW,
        setup=(create("parity-one", HostConfig={"Binds": ["{dir}:/etc/passwd"]}),),
    ),
    case(
        "start with a bad ulimit",
        start(),
        setup=(create("parity-one", HostConfig={"Ulimits": [{"Name": "nofile", "Soft": 1 << 40, "Hard": 1 << 40}]}),),
    ),
)


def in_every_state(name: str, *steps: Call) -> tuple[Case, ...]:
    return tuple(case(f"{name} when {state}", *steps, setup=setup) for state, setup in STATES.items())


VERBS = (
    case("start when created", start(), SHOW, setup=CREATED),
    case("start when running", start(), SHOW, setup=RUNNING),
    case("start when killed", start(), SHOW, setup=(*RUNNING, KILL, wait())),
    *in_every_state("stop", Call("POST", "/containers/{c}/stop", "t=0"), SHOW),
    *in_every_state("kill", KILL, wait()),
    *in_every_state("kill by number", Call("POST", "/containers/{c}/kill", "signal=9"), wait()),
    *in_every_state("remove", REMOVE),
    *in_every_state("remove by force", Call("DELETE", "/containers/{c}", "force=1"), SHOW),
    *in_every_state("resize", Call("POST", "/containers/{c}/resize", "h=1&w=1")),
    *in_every_state("exec", Call("POST", "/containers/{c}/exec", body={"Cmd": ["true"]})),
    *in_every_state("size", Call("GET", "/containers/{c}/json", "size=1")),
    *(case(f"wait when {state}", wait(), setup=STATES[state]) for state in ("created", "exited")),
    case("wait for the exit of long ago", Call("POST", "/containers/{c}/wait", version="/v1.29"), setup=EXITED),
    case("resize of a terminal", Call("POST", "/containers/{c}/resize", "h=30&w=100"), setup=TERMINAL),
    *in_every_state("unpause", Call("POST", "/containers/{c}/unpause")),
    case("restart by bad signal", Call("POST", "/containers/{c}/restart", "signal=NONSENSE"), SHOW, setup=RUNNING),
    case("stop of what ignores", STOP, SHOW, setup=RUNNING),
    case("stop by signal", Call("POST", "/containers/{c}/stop", "signal=KILL&t=5"), SHOW, setup=RUNNING),
    case("kill by HUP", Call("POST", "/containers/{c}/kill", "signal=HUP"), setup=RUNNING),
    case("by name", Call("GET", "/containers/parity-one/json"), setup=RUNNING),
    case("by name with slash", Call("GET", "/containers//parity-one/json"), setup=CREATED),
    case("twice", start(), wait(), start(), wait(), SHOW, setup=(create("parity-one", Cmd=["true"]),)),
    case(
        "removed by itself",
        start(),
        Call("POST", "/containers/{c}/wait", "condition=removed"),
        SHOW,
        setup=(create("parity-one", Cmd=["true"], HostConfig={"AutoRemove": True}),),
    ),
    case(
        "out of memory",
        start(),
        wait(),
        setup=(create("parity-one", Cmd=["sh", "-c", "exit 9"], HostConfig={"Memory": 32 << 20}),),
    ),
)


def exec_create(**body: object) -> Call:
    return Call("POST", "/containers/{c}/exec", body={"Cmd": ["true"], **body}, keep="e")


EXEC_START = Call("POST", "/exec/{e}/start", body={"Detach": True})
EXEC_SHOW = Call("GET", "/exec/{e}/json")
OUT = {"AttachStdout": True, "AttachStderr": True}

EXECS = (
    case("exec without command", exec_create(Cmd=[]), setup=RUNNING),
    case("exec without body", Call("POST", "/containers/{c}/exec"), setup=RUNNING),
    case("exec of bad body", Call("POST", "/containers/{c}/exec", body={"Cmd": 1}), setup=RUNNING),
    case("exec of bad keys", exec_create(DetachKeys="nonsense,"), setup=RUNNING),
    case("exec of absent container", Call("POST", "/containers/absent/exec", body={"Cmd": ["true"]})),
    case("exec as absent user", exec_create(User="absent"), EXEC_START, setup=RUNNING),
    case("exec of bad env", exec_create(Env=["=a"]), EXEC_START, setup=RUNNING),
    case("exec start of absent", Call("POST", "/exec/absent/start", body={})),
    case("exec start of absent detached", Call("POST", "/exec/absent/start", body={"Detach": True})),
    case("exec start without body", Call("POST", "/exec/absent/start")),
    case("exec inspect of absent", Call("GET", "/exec/absent/json")),
    case("exec resize of absent", Call("POST", "/exec/absent/resize", "h=1&w=1")),
    case("exec created", exec_create(), EXEC_SHOW, SHOW, setup=RUNNING),
    case(
        "exec created with all",
        exec_create(**OUT, AttachStdin=True, Tty=True, User="nobody", Privileged=True, WorkingDir="/tmp", Env=["A=1"]),
        EXEC_SHOW,
        setup=RUNNING,
    ),
    case("exec runs", exec_create(Cmd=["sleep", "1000"]), EXEC_START, EXEC_SHOW, EXEC_START, setup=RUNNING),
    case("exec of absent command", exec_create(Cmd=["absent"]), EXEC_START, EXEC_SHOW, setup=RUNNING),
    case("exec of a directory", exec_create(Cmd=["/etc"]), EXEC_START, EXEC_SHOW, setup=RUNNING),
    case("exec in absent directory", exec_create(WorkingDir="/absent"), EXEC_START, setup=RUNNING),
    case(
        "exec attached",
        exec_create(**OUT, Cmd=["sh", "-c", "echo out; exit 4"]),
        Hijack("/exec/{e}/start", body={}),
        EXEC_SHOW,
        EXEC_START,
        setup=RUNNING,
    ),
    case(
        "exec attached to stderr",
        exec_create(**OUT, Cmd=["sh", "-c", "echo err >&2"]),
        Hijack("/exec/{e}/start", body={}),
        setup=RUNNING,
    ),
    case(
        "exec attached to absent command",
        exec_create(**OUT, Cmd=["absent"]),
        Hijack("/exec/{e}/start", body={}),
        EXEC_SHOW,
        setup=RUNNING,
    ),
    case(
        "exec with terminal",
        exec_create(**OUT, Tty=True, Cmd=["sh", "-c", "tty; exit 4"]),
        Hijack("/exec/{e}/start", body={"Tty": True}),
        EXEC_SHOW,
        setup=RUNNING,
    ),
    case(
        "exec with stdin",
        exec_create(**OUT, AttachStdin=True, Cmd=["cat"]),
        Hijack("/exec/{e}/start", body={}, send=b"in\n"),
        EXEC_SHOW,
        setup=RUNNING,
    ),
    case(
        "exec before 1.42",
        exec_create(**OUT, Cmd=["echo", "out"]),
        Hijack("/exec/{e}/start", body={}, version="/v1.41"),
        setup=RUNNING,
    ),
    case(
        "exec without upgrade",
        exec_create(**OUT, Cmd=["echo", "out"]),
        Hijack("/exec/{e}/start", body={}, upgrade=False),
        setup=RUNNING,
    ),
    case(
        "exec resized before its start",
        exec_create(Tty=True),
        Call("POST", "/exec/{e}/resize", "h=a&w=1"),
        setup=RUNNING,
    ),
    case("exec hijack of absent", Hijack("/exec/absent/start", body={})),
)

CASES = (*ABSENT, *BAD, *VERBS, *EXECS)
