"""One probe: the check of a container run as an ordinary exec, without stdin and terminal (start.md 6.4)."""

import asyncio
import contextlib
import logging
import signal
import time

from wherry.base.errors import DeadlineExceeded, EngineError, InvalidParameter, NotFound
from wherry.base.metrics import Metrics
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor
from wherry.base.units import SECOND, format_duration
from wherry.containers.exec import Exec, Processes
from wherry.containers.execs import Execs, Instance
from wherry.containers.health import FAILED_TO_RUN, Check, Probed
from wherry.host.proc import kill_group
from wherry.model.container import ExecRequest
from wherry.state.record import Record
from wherry.streams.capture import Capture

log = logging.getLogger("wherry.health")

START_SECONDS = 30.0
"""How long the start of the exec may take; the check's own timeout counts from then on."""
KILL_SECONDS = 10.0
"""How long a killed probe may take to end before the next one may begin."""
OUTPUT_BYTES = 4096


class Prober:
    """Runs probes; each leaves nothing behind but its events."""

    def __init__(
        self, maker: Exec, execs: Execs, processes: Processes, supervisor: Supervisor, metrics: Metrics
    ) -> None:
        """Take who makes, keeps and starts execs, the owner of what outlives a called-off probe, and the counters."""
        self._metrics = metrics
        self._maker = maker
        self._execs = execs
        self._processes = processes
        self._supervisor = supervisor

    async def __call__(self, rec: Record, check: Check) -> Probed:
        """Run the check once. A probe that cannot run, or takes too long, is a result too."""
        start = time.time_ns()
        self._metrics.health_checks.inc()
        try:
            code, output = await self._run(rec, check)
        except EngineError as error:
            self._metrics.health_failed.inc()
            code, output = FAILED_TO_RUN, str(error)
        return Probed(start, time.time_ns(), code, output)

    async def _run(self, rec: Record, check: Check) -> tuple[int, str]:
        if not check.command:
            raise InvalidParameter(f"healthcheck for container {rec.id} has no command")
        request = ExecRequest(user=rec.config.user, attach_stdout=True, attach_stderr=True, cmd=list(check.command))
        began = time.perf_counter()
        instance = await self._maker.make(rec, request)
        try:
            code, output = await self._capture(instance, check.timeout, began)
        finally:
            self._execs.drop(instance.id)
        if code is not None:
            return code, output
        late = f"Health check exceeded timeout ({format_duration(check.timeout)})"
        return FAILED_TO_RUN, f"{late}: {output}" if output else late

    async def _capture(self, instance: Instance, timeout: int, began: float) -> tuple[int | None, str]:
        """Run it; returns the exit code, None when it took too long, and what it wrote."""
        capture = Capture(OUTPUT_BYTES)
        try:
            await self._start(instance, capture)
            self._metrics.health_start.observe(time.perf_counter() - began)
            code = await self._finish(instance, timeout)
        except asyncio.CancelledError:
            await self._supervisor.run(self._kill(instance), f"end of probe {instance.id}")
            raise
        finally:
            output = capture.finish().decode(errors="replace")
        return code, output

    async def _start(self, instance: Instance, capture: Capture) -> None:
        """Start it in a flow of its own: a start that is cut halfway would leave a process that nobody knows."""
        flow = self._processes.start(instance, True, None, (capture.peer, b"", b""))  # True: one stream, no frames
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._supervisor.run(flow, f"probe {instance.id}")
        except TimeoutError as error:
            self._supervisor.spawn(self._kill(instance), f"end of probe {instance.id}")
            raise DeadlineExceeded(f"timed out starting health check for container {instance.rec.id}") from error

    async def _finish(self, instance: Instance, timeout: int) -> int | None:
        """Wait for the end; returns the exit code, None when it took too long and was killed."""
        try:
            async with asyncio.timeout(timeout / SECOND):
                await instance.over.wait()
            return instance.exit_code
        except TimeoutError:
            await self._kill(instance)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_SECONDS):
                    await instance.over.wait()
            return None

    async def _kill(self, instance: Instance) -> None:
        """SIGKILL it and its process group as soon as it is up; gone is fine.

        What else fails is said: it ends with its container.
        """
        await instance.up.wait()
        if instance.over.is_set():
            return
        try:
            await offload(kill_group, instance.pid)
            await self._processes.kill(instance, signal.SIGKILL)
        except NotFound:
            return
        except EngineError as error:
            log.warning("container %s: a health probe cannot be killed: %s", instance.rec.id, error)
