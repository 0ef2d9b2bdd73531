"""Our own containerd: a child that outlives wherryd and is adopted by the next one (decisions.md, containerd child)."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable

from wherry.base.errors import DeadlineExceeded, EngineError, System, Unavailable
from wherry.base.offload import offload
from wherry.containerd.channel import Channel
from wherry.containerd.errors import translate_os
from wherry.containerd.launch import Launch
from wherry.containerd.process import Process
from wherry.containerd.version import version

START_DEADLINE = 60.0
"""Seconds until it must answer: on a cold disk its database and its plugins take a while."""
ANSWER_DEADLINE = 5.0
END_DEADLINE = 10.0
POLL = 0.01
BACKOFF_FIRST, BACKOFF_LAST = 0.1, 10.0
STEADY = 60.0
"""Seconds after which a containerd counts as healthy: when it ends then it is started again without a pause."""
LOG_EVERY = 300.0

log = logging.getLogger("wherry.containerd")


class ContainerdChild:
    """One containerd with a root of its own, kept alive."""

    def __init__(self, root: str, state: str, binary: str = "containerd") -> None:
        """Take where its data and its run-time files go, and what to run (a name in PATH, or a path).

        `root` is `<data-root>/containerd`, with its log beside it (`<root>.log`); `state` is `<exec-root>/containerd`.
        InvalidParameter if the state's path is too long for a socket.
        """
        self._launch = Launch(binary, root, state)
        self.address = self._launch.address
        self._process: Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int:
        """The pid of the containerd that runs or ran last, 0 before the first."""
        return self._process.identity.pid if self._process else 0

    async def start(self) -> str:
        """Adopt the containerd of an earlier wherryd or start one; return the address once it answers.

        One is adopted if it was made by the same program with the same configuration and answers; another that holds
        our data is ended first. System with the end of its log if it does not come up.
        """
        with translate_os("start containerd"):
            if not await self._adopt():
                self._hold(await offload(self._launch.spawn))
                await self._come_up()
        return self.address

    async def wait_exit(self) -> str:
        """Wait until it has ended and say how, in words (`status 1`, `signal 9`); Unavailable if none was started."""
        process = self._held()
        await process.wait()
        return process.reap()

    async def stop(self) -> None:
        """End it: SIGTERM, after 10 s SIGKILL. Tasks live on in their shims. Fine if none runs."""
        self._stopping = True
        with translate_os("stop containerd"):
            # The record knows even of one whose start was cancelled half way.
            found = await offload(self._launch.find)
            if found is not None:
                await _end(found)
                found.close()
            await offload(self._launch.forget)

    async def supervise(self, on_restart: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start it again whenever it ends, then call `on_restart` (what it did in between is to be read anew).

        Returns after `stop`; run it as a flow of its own, and cancel that if `start` may be on its way.
        """
        clock = asyncio.get_running_loop().time
        pause = 0.0
        while True:
            began = clock()
            how = await self._tend()
            if self._stopping:
                return
            log.error("containerd ended (%s) and is started again; its log is %s", how, self._launch.log_path)
            pause = 0.0 if clock() - began > STEADY else _longer(pause)
            await self._start_again(pause)
            if on_restart is not None:
                await on_restart()

    async def _adopt(self) -> bool:
        """Take over the one that is there if it fits, else end it; tell whether it was taken over."""
        found = await offload(self._launch.find)
        if found is None:
            return False
        if await offload(self._launch.fits, found) and await self._answers():
            self._hold(found)
            return True
        log.warning("ending the containerd (pid %d) of an earlier start", found.identity.pid)
        await _end(found)
        found.close()
        return False

    async def _start_again(self, pause: float) -> None:
        """Start it after a pause, however often that takes, at a falling rate."""
        while not self._stopping:
            await asyncio.sleep(pause)
            try:
                await self.start()
                return
            except EngineError as error:
                pause = _longer(pause)
                log.error("containerd does not start, next attempt in %.1f s: %s", pause, error)

    async def _tend(self) -> str:
        """Keep the log small until containerd ends, and say how it did."""
        ended = asyncio.ensure_future(self.wait_exit())
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=LOG_EVERY)
                await self._trim_log()
        finally:
            ended.cancel()
        return await ended

    async def _trim_log(self) -> None:
        try:
            with translate_os("put aside"):
                await offload(self._launch.trim_log)
        except System as error:
            log.warning("containerd's log has grown large and stays so for now: %s", error)

    async def _come_up(self) -> None:
        """Wait until a fresh one answers; System if it ends or hangs instead, and then it is ended."""
        process = self._held()
        ended = asyncio.ensure_future(process.wait())
        listening = asyncio.ensure_future(self._listening())
        try:
            await asyncio.wait([ended, listening], timeout=START_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise System(f"containerd ended at its start ({process.reap()}): {await self._last_words()}")
            if listening.done():
                await listening
            if not listening.done() or not await self._answers():
                await _end(process)
                raise System(f"containerd does not answer on {self.address}: {await self._last_words()}")
        finally:
            ended.cancel()
            listening.cancel()

    async def _listening(self) -> None:
        """Return when something listens on the socket; containerd does so when its plugins are up."""
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(self.address)
            except (FileNotFoundError, ConnectionRefusedError):
                await asyncio.sleep(POLL)
            else:
                writer.close()
                return

    async def _answers(self) -> bool:
        """Tell whether the socket answers a version request."""
        channel = Channel(self.address, "moby")
        try:
            await channel.open(ANSWER_DEADLINE)
            await version(channel, ANSWER_DEADLINE)
        except (Unavailable, DeadlineExceeded):
            return False
        finally:
            await channel.close()
        return True

    async def _last_words(self) -> str:
        return await offload(self._launch.last_words)

    def _hold(self, process: Process) -> None:
        if self._process is not None:
            self._process.close()
        self._process = process

    def _held(self) -> Process:
        if self._process is None:
            raise Unavailable("containerd has not been started")
        return self._process


def _longer(pause: float) -> float:
    return min(max(BACKOFF_FIRST, pause * 2), BACKOFF_LAST)


async def _end(process: Process) -> None:
    """End a process; System if not even SIGKILL does (it hangs in the kernel)."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_DEADLINE):
                await process.wait()
                process.reap()
                return
    raise System(
        f"containerd (pid {process.identity.pid}) does not end: it hangs in the kernel, see its wchan in /proc"
    )
