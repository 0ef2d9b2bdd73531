import asyncio
import json
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.streams_harness import BOTH, ID, SOON, Client, Shim, engine, framed, gone
from wherry.base.errors import Conflict, NotFound, System, Unavailable
from wherry.host import packets, proc
from wherry.streams.client import Limits
from wherry.streams.control import SOCKET
from wherry.streams.ends import End
from wherry.streams.keeper import PROTOCOL
from wherry.streams.keepers import AttachOptions, Keepers, Notice
from wherry.streams.logtarget import LogTarget

KEYS = AttachOptions(stdin=True, stdout=True, detach_keys=b"\x10\x11")
ONCE = AttachOptions(stdin=True, stdout=True, stderr=True, framed=True, stdin_once=True)


def texts(log: Path) -> list[tuple[str, str]]:
    return [(record["stream"], record["log"]) for record in map(json.loads, log.read_text().splitlines())]


async def test_a_whole_life(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, BOTH, head=b"HEAD")
        assert await client.read(4) == b"HEAD"
        shim.write(b"out\n")
        assert await client.read(12) == framed(1, b"out\n")
        shim.write(b"err", 2)
        assert await client.read(11) == framed(2, b"err")
        shim.close()
        assert await it.notice() == Notice("streamed")
        await keeper.end(1.0)
        assert texts(it.log) == [("stdout", "out\n"), ("stderr", "err")]
        assert await client.read_to_end() == b""
        client.close()
        await gone(keeper.pid)
        await it.keepers.release(ID, 1)
        assert it.keepers.found() == []
        assert await it.notice() == Notice("long", number=1)  # its last line had no end
        assert it.notices.empty()


@pytest.mark.parametrize("length", [16383, 16384, 16385, 40000])
async def test_long_lines_in_the_log(tmp_path: Path, length: int) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        await shim.write_all(b"x" * length + b"\nend")
        shim.close()
        await keeper.end(5.0)
        records = [text for _, text in texts(it.log)]
        assert "".join(records) == "x" * length + "\nend"
        assert [len(text) for text in records[:-2]] == [16384] * (length // 16384)
        assert records[-1] == "end"


async def test_a_terminal_is_one_raw_stream(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        stdio = await keeper.open(True, True)
        assert stdio.stderr == ""
        assert "stderr" not in os.listdir(it.keepers.directory(ID, 1))
        shim = Shim(stdio)
        client = await it.attach(keeper, KEYS)
        shim.write(b"a\r\n")
        assert await client.read(3) == b"a\r\n"
        shim.close()
        await keeper.end(1.0)
        assert texts(it.log) == [("stdout", "a\r\n")]


async def test_every_client_gets_all_and_may_type(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(stdin=True)
        first = await it.attach(keeper, ONCE)
        second = await it.attach(keeper, AttachOptions(stdin=True, stderr=True, framed=True))
        shim.write(b"1")
        assert await first.read(9) == framed(1, b"1")
        shim.write(b"2", 2)
        assert await first.read(9) == framed(2, b"2") == await second.read(9)
        await first.write(b"a")
        assert await shim.read_stdin(1) == b"a"
        await second.write(b"b")
        assert await shim.read_stdin(1) == b"b"


async def test_early_bytes_come_before_what_is_typed(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(stdin=True)
        early = b"e" * 300_000
        client = await it.attach(keeper, replace(ONCE, early=early))
        await client.write(b"typed")
        assert await shim.read_stdin(300_005) == early + b"typed"


async def test_the_end_of_input_is_a_fact_until_it_is_confirmed(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        stdio = await keeper.open(False, True)
        client = await it.attach(keeper, ONCE)
        await client.write(b"all")
        client.half_close()
        assert await it.notice() == Notice("stdin-eof")
        keeper.close()
        again = Keepers(it.zygote, str(tmp_path), lambda _, notice: it.notices.put_nowait(notice))
        adopted = await again.adopt(ID, 1)
        assert adopted is not None
        assert adopted.pid == keeper.pid
        assert await it.notice() == Notice("stdin-eof")
        shim = Shim(stdio)  # the reader comes late and misses nothing
        await adopted.stdin_closed()
        assert await shim.read_stdin(99) == b"all"
        shim.write(b"answer")  # half-closed, not gone
        assert await client.read(14) == framed(1, b"answer")


async def test_a_client_may_come_before_the_process(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        client = await it.attach(keeper, ONCE, head=b"H")
        assert await client.read(1) == b"H"
        await client.write(b"early")
        client.half_close()
        shim = Shim(await keeper.open(False, True))
        assert await shim.read_stdin(5) == b"early"
        assert await it.notice() == Notice("stdin-eof")


async def test_without_stdin_once_the_end_of_input_ends_the_attachment(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(stdin=True)
        client = await it.attach(keeper, AttachOptions(stdin=True, stdout=True, framed=True))
        await client.write(b"x")
        client.half_close()
        assert await client.read_to_end() == b""
        assert await it.notice() == Notice("gone", number=1)
        assert await shim.read_stdin(1) == b"x"
        other = await it.attach(keeper, ONCE)
        await other.write(b"y")
        assert await shim.read_stdin(1) == b"y"


async def test_without_stdin_the_end_of_input_means_nothing(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, BOTH)
        await client.write(b"ignored")
        client.half_close()
        shim.write(b"go on\n")
        assert await client.read(14) == framed(1, b"go on\n")


async def test_a_client_that_leaves_is_told_and_harms_nobody(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client, other = await it.attach(keeper, BOTH), await it.attach(keeper, BOTH)
        client.close()
        assert await it.notice() == Notice("gone", number=1)
        shim.write(b"x")
        assert await other.read(9) == framed(1, b"x")


async def test_a_client_that_leaves_ends_the_stdin_bound_to_it_after_its_bytes(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(stdin=True)
        client = await it.attach(keeper, ONCE)
        data = b"x" * 150_000
        writing = asyncio.create_task(client.write(data))
        assert await shim.read_stdin(75_000) == data[:75_000]
        await writing
        client.close()
        assert await shim.read_stdin(75_000) == data[75_000:]
        assert {(await it.notice()).kind, (await it.notice()).kind} == {"stdin-eof", "gone"}


async def test_a_terminal_has_no_end_that_a_client_brings_about(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(tty=True, stdin=True)
        client = await it.attach(keeper, replace(KEYS, stdin_once=True))
        client.half_close()
        assert await client.read_to_end() == b""
        assert await it.notice() == Notice("gone", number=1)
        other = await it.attach(keeper, KEYS)
        await other.write(b"x")
        assert await shim.read_stdin(1) == b"x"


async def test_detach_keys(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running(tty=True, stdin=True)
        client = await it.attach(keeper, KEYS)
        await client.write(b"ab\x10")
        assert await shim.read_stdin(2) == b"ab"
        await client.write(b"c\x10\x11d")
        assert await shim.read_stdin(2) == b"\x10c"
        assert await it.notice() == Notice("detached", number=1)
        assert await client.read_to_end() == b""
        client.close()
        assert await it.notice() == Notice("gone", number=1)
        shim.write(b"still here")


async def test_a_slow_client_gets_every_byte(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, AttachOptions(stdout=True))
        data = os.urandom(1 << 22)
        writing = asyncio.create_task(shim.write_all(data))
        await asyncio.wait([writing], timeout=0.05)
        assert not writing.done()
        assert await client.read(len(data)) == data
        await writing


async def test_a_client_that_takes_nothing_is_dropped_and_the_container_goes_on(tmp_path: Path) -> None:
    async with engine(tmp_path, Limits(stall=0.05)) as it:
        keeper, shim = await it.running()
        await it.attach(keeper, BOTH)
        other = await it.attach(keeper, AttachOptions(stdout=True))
        data = b"0123456789abcde\n" * (1 << 17)
        writing = asyncio.create_task(shim.write_all(data))
        assert await other.read(len(data)) == data
        await writing
        assert await it.notice() == Notice("gone", number=1)
        shim.close()
        await keeper.end(5.0)
        assert len(texts(it.log)) == 1 << 17


async def test_what_a_client_has_not_taken_at_the_end_still_comes(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, AttachOptions(stdout=True))
        data = os.urandom(800_000)
        await shim.write_all(data)
        shim.close()
        await keeper.end(5.0)
        await it.keepers.release(ID, 1)
        assert await client.read_to_end() == data
        client.close()
        await gone(keeper.pid)


async def test_the_last_output_is_not_lost_for_a_client_that_is_full(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, AttachOptions(stdout=True))
        data = os.urandom(2_000_000)
        writing = asyncio.create_task(shim.write_all(data))
        await asyncio.wait([writing], timeout=0.05)
        assert not writing.done()
        ending = asyncio.create_task(keeper.end(5.0))
        await writing
        shim.close()
        await ending
        assert await client.read_to_end() == data


async def test_a_held_client_gets_the_log_first_and_misses_nothing(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        ours, theirs = socket.socketpair()
        hold = AttachOptions(stdout=True, hold=True)
        mine = os.dup(theirs.fileno())
        attachment = await keeper.attach(theirs.detach(), b"", hold)
        witness = await it.attach(keeper, AttachOptions(stdout=True))
        shim.write(b"live")
        assert await witness.read(4) == b"live"
        os.write(mine, b"HEAD log ")
        os.close(mine)
        await keeper.release(attachment)
        assert await Client(ours).read(13) == b"HEAD log live"
        assert attachment.since_ns > 0


async def test_an_exec_has_streams_of_its_own(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        stdio = await keeper.open_exec("e1", False, True)
        client = await it.attach(keeper, ONCE, exec_id="e1")
        process = Shim(stdio)
        process.write(b"hello\n")
        assert await client.read(14) == framed(1, b"hello\n")
        await client.write(b"in")
        client.half_close()
        assert await it.notice() == Notice("stdin-eof", "e1")
        await keeper.stdin_closed("e1")
        assert await process.read_stdin(99) == b"in"
        process.close()
        assert await it.notice() == Notice("streamed", "e1")
        await keeper.end_exec("e1", 1.0)
        assert await client.read_to_end() == b""
        assert not [name for name in os.listdir(it.keepers.directory(ID, 1)) if name.startswith("e1")]
        await keeper.end_exec("e1", 1.0)
        with pytest.raises(Conflict):
            await it.attach(keeper, ONCE, exec_id="e1")
        shim.close()
        await keeper.end(1.0)
        assert it.log.read_bytes() == b""


async def test_the_end_does_not_wait_for_a_survivor_that_holds_the_pipe(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        shim.write(b"last words")
        await keeper.end(0.05)
        assert texts(it.log) == [("stdout", "last words")]
        shim.close()


async def test_the_end_does_not_wait_for_a_writer_that_never_came(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        await keeper.open(False, False)
        async with asyncio.timeout(SOON):
            await keeper.end(3600)


async def test_a_keeper_outlives_daemon_and_zygote(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        client = await it.attach(keeper, BOTH)
        keeper.close()
        await it.zygote.close()
        shim.write(b"meanwhile\n")
        assert await client.read(18) == framed(1, b"meanwhile\n")
        client.close()
        assert it.keepers.found() == [(ID, 1)]
        adopted = await it.keepers.adopt(ID, 1)
        assert adopted is not None
        assert await it.notice() == Notice("gone", number=1)
        shim.close()
        assert await it.notice() == Notice("streamed")
        await adopted.end(1.0)
        assert texts(it.log) == [("stdout", "meanwhile\n")]
        assert await it.keepers.adopt(ID, 1) is None


async def test_a_later_daemon_takes_the_place_of_the_first(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, _ = await it.running()
        assert await it.keepers.adopt(ID, 1) is keeper, "its own keeper is not taken from it"
        later = Keepers(it.zygote, str(tmp_path), lambda _, notice: it.notices.put_nowait(notice))
        adopted = await later.adopt(ID, 1)
        assert adopted is not None
        assert await later.adopt(ID, 1) is adopted, "a boot that tries again"
        assert (await it.notice()).kind == "lost"
        assert it.notices.empty()
        with pytest.raises(Unavailable):
            await keeper.stdin_closed()
        await keeper.end(1.0)
        assert await it.keepers.adopt(ID, 1) is not None


async def test_the_death_of_a_keeper_is_noticed_and_a_new_one_takes_over(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        held = os.open(f"{it.keepers.directory(ID, 1)}/stdout", os.O_RDONLY | os.O_NONBLOCK)  # as the shim does
        os.kill(keeper.pid, signal.SIGKILL)
        assert (await it.notice()).kind == "lost"
        with pytest.raises(Unavailable):
            await keeper.stdin_closed()
        await keeper.end(1.0)
        shim.write(b"kept in the pipe\n")
        heir = await it.keepers.fork(ID, 1, it.target)
        await heir.open(False, False)
        os.close(held)
        shim.close()
        assert (await it.notice()).kind == "streamed"
        await heir.end(1.0)
        assert texts(it.log) == [("stdout", "kept in the pipe\n")]


async def test_a_keeper_without_orders_exits(tmp_path: Path) -> None:
    async with engine(tmp_path, Limits(idle=0.05)) as it:
        keeper = await it.keepers.fork(ID, 1, it.target)
        assert (await it.notice()).kind == "lost"
        await gone(keeper.pid)


async def test_release_kills_and_removes_and_may_be_repeated(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, shim = await it.running()
        identity = proc.identity(keeper.pid)
        await it.keepers.release(ID, 1)
        assert not proc.alive(identity)
        assert os.listdir(tmp_path / "c") == []
        await it.keepers.release(ID, 1)
        assert it.notices.empty()
        shim.close()


async def test_a_log_that_cannot_be_opened_fails_the_fork(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        with pytest.raises(System, match="start the keeper .*missing/log: No such file or directory"):
            await it.keepers.fork(ID, 1, LogTarget("json-file", f"{tmp_path}/missing/log"))


async def test_dropped_records_are_told(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        it.target = LogTarget("json-file", "/dev/full")
        _, shim = await it.running()
        shim.write(b"x\n")
        assert await it.notice() == Notice(
            "log", number=1, text="write /dev/full: No space left on device; 1 records were dropped so far"
        )


async def test_the_driver_none_keeps_nothing(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        it.target = LogTarget("none")
        keeper, shim = await it.running()
        client = await it.attach(keeper, BOTH)
        shim.write(b"x")
        assert await client.read(9) == framed(1, b"x")
        shim.close()
        await keeper.end(1.0)
        assert not it.log.exists()


async def test_streams_are_opened_once(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        keeper, _ = await it.running()
        with pytest.raises(Conflict, match="are open"):
            await keeper.open(False, False)


async def test_each_keeper_holds_its_own_descriptors_alone(tmp_path: Path) -> None:
    async with engine(tmp_path.resolve()) as it:
        keepers = [await it.keepers.fork(f"{number:064x}", 1, it.target) for number in range(50)]
        stdio = await keepers[7].open(False, True)
        for keeper in keepers:
            links = [os.readlink(f"/proc/{keeper.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper.pid}/fd")]
            kinds = sorted(link.partition(":[")[0] for link in links)
            expected = ["/dev/null"] * 3 + ["anon_inode", str(it.log), "socket", "socket"]
            if keeper is keepers[7]:
                expected += [stdio.stdin, stdio.stdout, stdio.stderr]
            assert kinds == sorted(expected)


async def test_one_forked_ahead_is_taken_by_the_next_run(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        await it.keepers.prepare()
        await it.keepers.prepare()
        keeper = await it.keepers.fork(ID, 1, it.target)
        assert [child.pid for child in proc.children(it.zygote.pid)] == [keeper.pid]


async def test_one_forked_ahead_that_has_died_is_not_missed(tmp_path: Path) -> None:
    async with engine(tmp_path) as it:
        await it.keepers.prepare()
        with pytest.raises(NotFound, match="no job"):
            await it.zygote.order("none", {}, deadline=SOON)  # it takes one order after the other
        (spare,) = proc.children(it.zygote.pid)
        os.kill(spare.pid, signal.SIGKILL)
        await gone(spare.pid)
        keeper = await it.keepers.fork(ID, 1, it.target)
        assert keeper.pid != spare.pid


async def test_a_keeper_that_dies_behind_its_greeting_is_dead(tmp_path: Path) -> None:
    """A daemon that comes late to the greeting reads the end of the connection with it."""
    async with engine(tmp_path) as it:
        place = Path(it.keepers.directory(ID, 1))
        place.mkdir(parents=True)
        greeting = {"protocol": PROTOCOL, "pid": 1, "stdin_eof": [], "launched": {"": [7, -1, 0], "done": [8, 3, 9]}}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as server:
            base = os.open(place, os.O_PATH)
            server.bind(f"/proc/self/fd/{base}/{SOCKET}")  # a unix address has 108 bytes at most
            os.close(base)
            server.listen()

            def serve_one() -> None:
                line, _ = server.accept()
                with line:
                    packets.send(line, greeting)

            asyncio.get_running_loop().add_reader(server, serve_one)
            keeper = await it.keepers.adopt(ID, 1)
            asyncio.get_running_loop().remove_reader(server)
        assert keeper is not None
        assert not keeper.connected
        assert (await it.notice()).kind == "lost"
        async with asyncio.timeout(SOON):
            with pytest.raises(Unavailable, match="has ended"):
                await keeper.ends.wait("")
            assert await keeper.ends.wait("done") == End(3, 9)
        await it.keepers.release(ID, 1)
