"""The daemon's side and the real process, with sandboxes whose sockets are on the loopback."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.names_fakes import SOON, Upstream, ask, loopback_pair, says
from wherry.base.errors import NotFound, System
from wherry.base.tasks import Supervisor
from wherry.names import link as links
from wherry.names.listeners import rules
from wherry.names.service import Names
from wherry.names.zones import PROTOCOL, Joined, Member, Sandbox, Server, zones

WEB = zones([Member("n1", "net", ("web",), ("10.0.0.2",))])


class Opener:
    """Stands for the zygote: opens a sandbox's sockets here, on one port, and remembers it."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self.opened = 0

    async def order(self, job: str, args: dict[str, Any], *, deadline: float) -> tuple[dict[str, Any], list[int]]:
        assert job == "names.open"
        if args["path"].endswith("gone"):
            raise System("names.open: no such namespace")
        udp, tcp = loopback_pair()
        self.ports[args["path"]] = udp.getsockname()[1]
        self.opened += 1
        return {}, [udp.detach(), tcp.detach()]


def sandbox(name: str, *servers: Server) -> Sandbox:
    return Sandbox(f"/run/netns/{name}", (Joined("n1"),), servers)


class Engine:
    """A daemon's Names; `restart` is what another daemon makes of what this one left."""

    def __init__(self, root: Path, opener: Opener) -> None:
        self.root = root
        self.opener = opener
        self.names = Names(opener, str(root), Supervisor())  # type: ignore[arg-type]

    async def restart(self, *sandboxes: Sandbox) -> None:
        await self.names.stop()
        self.names = Names(self.opener, str(self.root), Supervisor())  # type: ignore[arg-type]
        await self.names.boot(sandboxes, WEB)

    @property
    def pid(self) -> int:
        assert self.names._link is not None
        return self.names._link.pid

    async def finds(self, name: str, box: str) -> list[str]:
        answered = await ask(self.opener.ports[f"/run/netns/{box}"], name)
        return [str(item) for record in answered.answer for item in record]


@pytest.fixture
async def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, Opener())
    yield engine
    for name in list(engine.names._wished):
        await engine.names.close(name)
    process = engine.names._link
    await engine.names.stop()
    if process is not None:
        await gone(process.pid)


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, ended.set)
    async with asyncio.timeout(SOON):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(fd)
    os.close(fd)


async def test_nothing_is_started_before_a_sandbox_needs_it(engine: Engine) -> None:
    await engine.names.boot([], {})
    await engine.names.publish(WEB)
    await engine.names.close("/run/netns/other")
    assert engine.names._link is None
    assert not (engine.root / "names").exists()


async def test_open_publish_close(engine: Engine) -> None:
    await engine.names.publish(WEB)
    await engine.names.open(sandbox("a"))
    await engine.names.open(sandbox("b"))
    assert await engine.finds("web", "a") == await engine.finds("web.net", "b") == ["10.0.0.2"]
    await engine.names.publish(zones([Member("n1", "net", ("web",), ("10.0.0.9",))]))
    assert await engine.finds("web", "a") == ["10.0.0.9"]
    await engine.names.publish({})
    assert await engine.finds("web", "a") == []
    await engine.names.close("/run/netns/a")
    await engine.names.close("/run/netns/a")
    port = engine.opener.ports["/run/netns/a"]
    with pytest.raises(ConnectionRefusedError):
        await ask(port, "web")
    assert await engine.finds("web", "b") == []


async def test_a_sandbox_is_told_anew(engine: Engine) -> None:
    async with Upstream(says("192.0.2.7")) as upstream:
        await engine.names.open(sandbox("a"))
        assert await engine.finds("example.org", "a") == []
        await engine.names.open(sandbox("a", upstream.server))
        assert await engine.finds("example.org", "a") == ["192.0.2.7"]
    assert engine.opener.opened == 1


async def test_one_that_cannot_be_opened_fails_and_the_others_go_on(engine: Engine) -> None:
    await engine.names.publish(WEB)
    with pytest.raises(System, match="no such namespace"):
        await engine.names.open(sandbox("gone"))
    await engine.names.open(sandbox("a"))
    assert await engine.finds("web", "a") == ["10.0.0.2"]


async def test_a_killed_process_is_replaced_and_what_was_asked_meanwhile_is_answered(engine: Engine) -> None:
    await engine.names.publish(WEB)
    await engine.names.open(sandbox("a"))
    first = engine.pid
    os.kill(first, signal.SIGSTOP)
    waiting = asyncio.create_task(engine.finds("web", "a"))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert await waiting == ["10.0.0.2"]
    assert engine.pid != first
    assert engine.opener.opened == 1
    assert await engine.finds("web", "a") == ["10.0.0.2"]


async def test_a_process_that_hangs_is_replaced(engine: Engine) -> None:
    await engine.names.publish(WEB)
    await engine.names.open(sandbox("a"))
    process = engine.names._link
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    process.kill()
    await engine.names.open(sandbox("b"))
    assert await engine.finds("web", "b") == await engine.finds("web", "a") == ["10.0.0.2"]
    assert engine.pid != process.pid


async def test_another_daemon_takes_the_process_up(engine: Engine) -> None:
    await engine.names.publish(WEB)
    for name in ("a", "b"):
        await engine.names.open(sandbox(name))
    first = engine.pid
    await engine.names.stop()
    assert await engine.finds("web", "a") == ["10.0.0.2"]
    await engine.restart(sandbox("a"))
    assert engine.pid == first
    assert await engine.finds("web", "a") == ["10.0.0.2"]
    with pytest.raises(ConnectionRefusedError):
        await engine.finds("web", "b")
    os.kill(first, signal.SIGKILL)
    assert await engine.finds("web", "a") == ["10.0.0.2"]
    assert engine.opener.opened == 2


async def test_a_daemon_opens_anew_what_nobody_serves(engine: Engine) -> None:
    await engine.names.publish(WEB)
    await engine.names.open(sandbox("a"))
    first = engine.pid
    await engine.names.stop()
    os.kill(first, signal.SIGKILL)
    await gone(first)
    await engine.restart(sandbox("gone"), sandbox("a"))
    assert await engine.finds("web", "a") == ["10.0.0.2"]
    assert engine.opener.opened == 2


async def test_a_process_of_another_protocol_is_ended(engine: Engine) -> None:
    await engine.names.open(sandbox("a"))
    first = engine.pid
    await engine.names.stop()
    assert await links.find(f"{engine.root}/names", PROTOCOL + 1, lambda _: None) is None
    await gone(first)


async def test_the_process_ends_with_the_last_daemon_when_it_has_no_sandbox(engine: Engine) -> None:
    await engine.names.open(sandbox("a"))
    first = engine.pid
    await engine.names.close("/run/netns/a")
    await engine.names.stop()
    await gone(first)
    assert await links.find(f"{engine.root}/names", PROTOCOL, lambda _: None) is None


async def test_networks_that_went_with_the_daemon_are_forgotten(engine: Engine) -> None:
    await engine.names.publish({**WEB, **zones([Member("n2", "other", ("db",), ("10.1.0.2",))])})
    await engine.names.open(sandbox("a"))
    await engine.restart(sandbox("a"))
    await engine.names.stop()
    process = await links.find(f"{engine.root}/names", PROTOCOL, lambda _: None)
    assert process is not None
    assert process.zones == {"n1": None}
    await process.close_sandbox("a")
    process.close()


async def test_orders_that_make_no_sense_are_refused(engine: Engine) -> None:
    await engine.names.open(sandbox("a"))
    process = engine.names._link
    assert process is not None
    with pytest.raises(NotFound, match="protocol 1 of names has no order 'dance'"):
        await process._order("dance")
    with pytest.raises(NotFound, match="sandbox b has no sockets"):
        await process.lend("b")
    for order, fds in (("open", []), ("zone", [0]), ("close", [])):
        with pytest.raises(System, match=f"names: {order}"):
            await process._order(order, fds)
    assert process.alive


async def test_the_process_holds_what_it_needs_and_nothing_else(engine: Engine) -> None:
    await engine.names.open(sandbox("a"))
    process = f"/proc/{engine.pid}"
    if os.geteuid() == 0:  # it is not dumpable: only root reads of it
        kinds = sorted(os.readlink(f"{process}/fd/{fd}").split(":")[0] for fd in os.listdir(f"{process}/fd"))
        expected = ["/dev/null", f"{engine.root}/names/names.log", f"{engine.root}/names/names.log"]
        expected += ["anon_inode"] + ["socket"] * 6  # epoll; two of asyncio's own, control, line, two of the sandbox
        assert kinds == expected
        assert Path(f"{process}/environ").read_bytes() == b""
        assert os.stat(f"{process}/environ").st_uid == 0
    assert Path(f"{process}/comm").read_text() == "wherry-names\n"
    assert (engine.root / "names" / "control.sock").stat().st_mode & 0o777 == 0o600


def test_rules_replace_the_ones_that_are_there() -> None:
    lines = [line.strip() for line in rules(1000, 2000).strip().splitlines()]
    assert lines[:2] == ["add table ip docker-dns", "delete table ip docker-dns"]
    assert "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:1000; " in lines[3]
    assert "ip saddr 127.0.0.11 tcp sport 2000 snat to 127.0.0.11:53; " in lines[4]
