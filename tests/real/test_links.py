"""Legacy links on the default bridge."""

from tests.real.conftest import IMAGE
from tests.real.engine import Engine


def test_a_link(engine: Engine) -> None:
    run = ("run", "-d", "--hostname", "dbhost", "--expose", "5432", "-e", "A=1", "--stop-timeout", "1")
    engine.ok(*run, "--name", "db", IMAGE, "sleep", "1000")
    address = engine.inspect("db")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    script = "env; cat /etc/hosts; ping -c 1 -w 5 store; while :; do sleep 0.1; done"
    engine.ok("run", "-d", "--name", "web", "--link", "db:store", "--stop-timeout", "1", IMAGE, "sh", "-c", script)
    seen = engine.ok("exec", "web", "cat", "/etc/hosts")
    assert f"{address}\tstore dbhost db\n" in seen
    env = engine.ok("exec", "web", "env").splitlines()
    assert {f"STORE_PORT=tcp://{address}:5432", "STORE_NAME=/web/store", "STORE_ENV_A=1"} <= set(env)
    engine.ok("exec", "web", "ping", "-c", "1", "-w", "5", "store")
    assert engine.inspect("web")["HostConfig"]["Links"] == ["/db:/web/store"]
    listed = engine.ok("ps", "--no-trunc", "--filter", "name=db", "--format", "{{.Names}}")
    assert listed == "db,web/store"

    engine.ok("stop", "db")
    engine.ok("run", "-d", "--name", "taker", IMAGE, "sleep", "1000")  # so that the next address is another
    engine.ok("start", "db")
    fresh = engine.inspect("db")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert fresh != address
    assert f"{fresh}\tstore dbhost db\n" in engine.ok("exec", "web", "cat", "/etc/hosts")

    engine.ok("rename", "db", "base")
    assert engine.inspect("web")["HostConfig"]["Links"] == ["/base:/web/store"]
    engine.ok("rm", "-f", "base")
    engine.ok("stop", "web")
    done = engine.docker("start", "web")
    assert b"Cannot link to a non running container: /db AS /web/store" in done.stderr
    assert engine.inspect("web")["State"]["ExitCode"] == 128


def test_removing_a_link(engine: Engine) -> None:
    engine.ok("create", "--name", "db", IMAGE, "true")
    engine.ok("create", "--name", "web", "--link", "db:a", "--link", "db:b", IMAGE, "true")
    engine.ok("rm", "--link", "web/a")
    assert engine.inspect("web")["HostConfig"]["Links"] == ["/db:/web/b"]
    for ref, text in {
        "web": "Conflict, cannot remove the default link name of the container",
        "web/a": "No such container: web/a",
        "none/a": "No such container: none/a",
    }.items():
        assert text in engine.docker("rm", "--link", ref).stderr.decode()
    assert engine.inspect("web")["State"]["Status"] == "created"
