"""What the docker CLI prints and returns."""

from tests.parity.cases import EXITED, RUNNING, Case, Cli, case, run
from tests.parity.side import LABEL

RM = Cli(("rm", "-f", "parity-one"))
PS = "|".join(
    f"{{{{.{field}}}}}"
    for field in ("ID", "Names", "Image", "Command", "Status", "State", "Ports", "Networks", "Mounts", "LocalVolumes")
)
SHOWN = ("ps", "-a", "--filter", "name=parity-one", "--format")


def cli(name: str, *arguments: str, setup: tuple = (), stdin: bytes | None = None) -> Case:
    return case(f"docker {name}", Cli(arguments, stdin), setup=setup)


def runs(name: str, *arguments: str, stdin: bytes | None = None) -> Case:
    return case(f"docker run {name}", run("--rm", *arguments, stdin=stdin))


RUNS = (
    runs("hello", "busybox", "echo", "hello"),
    *(runs(f"exit {code}", "busybox", "sh", "-c", f"exit {code}") for code in (1, 3, 125, 127, 255)),
    runs("killed", "--init", "busybox", "sh", "-c", "kill -KILL $$"),
    runs("absent command", "busybox", "absent"),
    runs("absent path", "busybox", "/absent/command"),
    runs("directory", "busybox", "/etc"),
    runs("file", "busybox", "/etc/passwd"),
    runs("absent image", "--pull", "never", "absent:1", "true"),
    runs("bad image", "Bad", "true"),
    runs("terminal where there is none", "-t", "busybox", "sh", "-c", "tty; echo out"),
    runs("terminal and stdin where there is none", "-it", "busybox", "true"),
    runs("stdin", "-i", "busybox", "cat", stdin=b"in\n"),
    runs("stdin that is not asked for", "busybox", "cat", stdin=b"in\n"),
    runs("stderr", "busybox", "sh", "-c", "echo out; echo err >&2; exit 2"),
    runs("user", "-u", "nobody", "busybox", "id"),
    runs("absent user", "-u", "absent", "busybox", "id"),
    runs("working directory", "-w", "/var/x", "busybox", "pwd"),
    runs("environment", "-e", "A=1", "-e", "HOME=/x", "busybox", "env"),
    runs("environment of a terminal", "-t", "busybox", "env"),
    runs("host name", "-h", "box", "busybox", "sh", "-c", "hostname; grep -c box /etc/hosts"),
    runs("no network", "--network", "none", "busybox", "ls", "/sys/class/net"),
    runs("hosts of no network", "--network", "none", "busybox", "cat", "/etc/hosts"),
    runs("hosts", "--add-host", "a:192.0.2.1", "-h", "box", "busybox", "cat", "/etc/hosts"),
    runs("absent network", "--network", "absent", "busybox", "true"),
    runs("read only", "--read-only", "busybox", "touch", "/x"),
    runs("capabilities", "busybox", "grep", "Cap", "/proc/self/status"),
    runs(
        "capabilities of privileged", "--privileged", "busybox", "grep", "-E", "Cap|Seccomp|NoNew", "/proc/self/status"
    ),
    runs(
        "capabilities of nobody",
        "-u",
        "nobody",
        "--cap-add",
        "net_admin",
        "busybox",
        "grep",
        "Cap",
        "/proc/self/status",
    ),
    runs("no new privileges", "--security-opt", "no-new-privileges", "busybox", "grep", "NoNew", "/proc/self/status"),
    runs("limits", "--ulimit", "nofile=100:200", "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn"),
    runs("limits by default", "busybox", "cat", "/proc/self/limits"),
    runs(
        "mounts",
        "busybox",
        "sh",
        "-c",
        "grep -v ' / ' /proc/self/mounts | grep -v '^/dev' | cut -d ' ' -f 2-4 | sed s/,size=.*//",
    ),
    runs("devices", "busybox", "ls", "-lA", "/dev"),
    runs("masked", "busybox", "sh", "-c", "cat /proc/kcore; ls /proc/scsi; echo 1 > /proc/sys/kernel/panic"),
    runs("shm", "--shm-size", "8m", "busybox", "sh", "-c", "df -k /dev/shm | tail -1"),
    runs("tmpfs", "--tmpfs", "/x:size=1m,mode=700", "busybox", "grep", " /x ", "/proc/self/mounts"),
    runs("memory", "-m", "1m", "busybox", "true"),
    runs("cpus", "--cpus", "1000", "busybox", "true"),
    runs("oom score", "--oom-score-adj", "100", "busybox", "cat", "/proc/self/oom_score_adj"),
    runs("groups", "--group-add", "nogroup", "-u", "1:2", "busybox", "id"),
    runs("sysctl", "--sysctl", "net.ipv4.ip_forward=0", "busybox", "cat", "/proc/sys/net/ipv4/ip_forward"),
    runs("umask and cgroup", "busybox", "sh", "-c", "umask; readlink /proc/self/cwd"),
    runs("volume", "-v", "/keep", "busybox", "sh", "-c", "touch /keep/x; ls -ld /keep"),
    runs("bind without target", "-v", "/tmp:", "busybox", "true"),
    runs("bad option", "--nonsense", "busybox"),
    runs("bad restart", "--restart", "nonsense", "busybox", "true"),
    case(
        "docker run twice under a name",
        run("-d", "--name", "parity-one", "busybox", "sleep", "1000"),
        run("--name", "parity-one", "busybox", "true"),
        RM,
    ),
    case(
        "docker run detached",
        run("-d", "--name", "parity-one", "busybox", "sleep", "1000"),
        Cli((*SHOWN, PS)),
        Cli((*SHOWN, "{{json .}}")),
        RM,
        Cli((*SHOWN, PS)),
    ),
    case(
        "docker run detached absent command", run("-d", "--name", "parity-one", "busybox", "absent"), Cli((*SHOWN, PS))
    ),
)

COMMANDS = (
    cli(
        "version",
        "version",
        "--format",
        "{{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Server.Os}} {{.Server.Arch}}",
    ),
    cli("version components", "version", "--format", "{{range .Server.Components}}{{.Name}}\n{{end}}"),
    cli(
        "info",
        "info",
        "--format",
        "{{.OSType}} {{.Driver}} {{.LoggingDriver}} {{.CgroupDriver}} {{.CgroupVersion}} {{.DefaultRuntime}}",
    ),
    cli("info warnings", "info", "--format", "{{.ServerErrors}} {{.Warnings}} {{.SecurityOptions}}"),
    cli("ps", *SHOWN, PS, setup=RUNNING),
    cli("ps of an exited one", *SHOWN, PS, setup=EXITED),
    cli("ps with size", "ps", "-s", "--filter", "name=parity-one", "--format", "{{json .}}", setup=RUNNING),
    cli("ps of a bad filter", "ps", "--filter", "nonsense=1"),
    cli("ps of a bad status", "ps", "--filter", "status=nonsense"),
    cli("logs", "logs", "parity-one", setup=EXITED),
    cli("logs with times", "logs", "-t", "parity-one", setup=EXITED),
    cli("logs since", "logs", "--since", "1h", "parity-one", setup=EXITED),
    cli("logs of absent", "logs", "absent"),
    cli("exec", "exec", "parity-one", "sh", "-c", "echo out; echo err >&2; exit 5", setup=RUNNING),
    cli("exec with stdin", "exec", "-i", "parity-one", "cat", setup=RUNNING, stdin=b"in\n"),
    cli("exec with terminal", "exec", "-t", "parity-one", "tty", setup=RUNNING),
    cli("exec detached", "exec", "-d", "parity-one", "true", setup=RUNNING),
    cli("exec of absent command", "exec", "parity-one", "absent", setup=RUNNING),
    cli("exec of a directory", "exec", "parity-one", "/etc", setup=RUNNING),
    cli(
        "exec as user",
        "exec",
        "-u",
        "nobody",
        "-w",
        "/tmp",
        "-e",
        "A=1",
        "parity-one",
        "sh",
        "-c",
        "id; pwd; echo $A",
        setup=RUNNING,
    ),
    cli("exec as absent user", "exec", "-u", "absent", "parity-one", "id", setup=RUNNING),
    cli("exec in absent directory", "exec", "-w", "/absent", "parity-one", "id", setup=RUNNING),
    cli("exec environment", "exec", "parity-one", "env", setup=RUNNING),
    cli("exec capabilities", "exec", "--privileged", "parity-one", "grep", "Cap", "/proc/self/status", setup=RUNNING),
    cli("exec in an exited one", "exec", "parity-one", "true", setup=EXITED),
    cli("exec in absent", "exec", "absent", "true"),
    cli("stop", "stop", "-t", "0", "parity-one", setup=RUNNING),
    cli("stop of absent", "stop", "absent"),
    cli("kill", "kill", "parity-one", setup=RUNNING),
    cli("kill by bad signal", "kill", "-s", "NONSENSE", "parity-one", setup=RUNNING),
    cli("kill of an exited one", "kill", "parity-one", setup=EXITED),
    cli("rm of a running one", "rm", "parity-one", setup=RUNNING),
    cli("rm of absent", "rm", "absent"),
    cli("rm of absent by force", "rm", "-f", "absent"),
    cli("start", "start", "parity-one", setup=EXITED),
    cli("start attached", "start", "-a", "parity-one", setup=EXITED),
    cli("start of absent", "start", "absent"),
    cli("wait", "wait", "parity-one", setup=EXITED),
    cli("attach to an exited one", "attach", "parity-one", setup=EXITED),
    cli("inspect of absent", "inspect", "absent"),
    cli("images", "images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.CreatedAt}} {{.Size}}", "busybox"),
    cli("tag and rmi of absent", "rmi", "absent"),
    cli("rmi in use", "rmi", "busybox", setup=RUNNING),
    cli("rmi in use by force of its id", "rmi", "{image}", setup=RUNNING),
    cli(
        "network inspect",
        "network",
        "inspect",
        "bridge",
        "--format",
        "{{.Name}} {{.Driver}} {{.Scope}} {{.EnableIPv4}} {{.EnableIPv6}} {{.Options}}",
    ),
    cli("events", "events", "--since", "2s", "--until", "0s", "--filter", f"label={LABEL}.absent"),
)

CASES = (*RUNS, *COMMANDS)
