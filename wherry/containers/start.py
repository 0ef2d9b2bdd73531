"""Starting a container: the list in `_run`, read from the top. Every line is a step with one idempotent release.

Source: start.md 2 and 3. The first write is on disk before the first effect; leaving the list by an exception stores
the failure, releases what was begun, latest first, and raises it.
"""

import asyncio
import logging
import time
from functools import partial
from typing import Any

from wherry.base.errors import Conflict, EngineError, Forbidden, Unavailable
from wherry.base.ids import new_id
from wherry.base.offload import offload
from wherry.base.tasks import Supervisor, finish
from wherry.containers.ahead import Ahead
from wherry.containers.defaults import Defaults
from wherry.containers.donors import joins
from wherry.containers.exits import Exits
from wherry.containers.failure import at_spec, exit_code
from wherry.containers.hub import Hub
from wherry.containers.layout import Layout
from wherry.containers.lived import boot_clock
from wherry.containers.monitors import Monitors
from wherry.containers.mountsweep import MountSweep
from wherry.containers.news import News
from wherry.containers.policy import Restarts
from wherry.containers.prepare import prepare
from wherry.containers.remedy import advise
from wherry.containers.remove import Remove
from wherry.containers.rollback import Rollback, leftovers, release_all
from wherry.containers.settle import Settle
from wherry.containers.steps.all import Steps
from wherry.containers.turns import Turns
from wherry.containers.underway import UnderWay
from wherry.containers.validate import validate
from wherry.runtimes.registry import Runtimes
from wherry.spec.build import build_spec
from wherry.state.machine import Verb, check
from wherry.state.record import Phase, Record
from wherry.state.store import Slot, Store

log = logging.getLogger("wherry.start")


class Start:
    """The verb; its caller runs it in a task of its own, so that a client that hangs up does not cut it."""

    def __init__(
        self,
        store: Store,
        steps: Steps,
        layout: Layout,
        exits: Exits,
        hub: Hub,
        news: News,
        remove: Remove,
        restarts: Restarts,
        monitors: Monitors,
        under_way: UnderWay,
        defaults: Defaults,
        runtimes: Runtimes,
        mount_sweep: MountSweep,
        settle: Settle,
        ahead: Ahead,
        turns: Turns,
        supervisor: Supervisor,
    ) -> None:
        """Take the records, the steps, the paths, who hears of what, the policies, what this host can, its runtimes.

        The sweep looks for what a failed start has left, who settles debts tries again what cannot be given back, and
        between two starts something is made ahead for the next. All starts of this machine take turns. The supervisor
        owns the flows that start.
        """
        self._supervisor = supervisor
        self._turns = turns
        self._mount_sweep = mount_sweep
        self._settle = settle
        self._ahead = ahead
        self._defaults = defaults
        self._runtimes = runtimes
        self._under_way = under_way
        self._restarts = restarts
        self._monitors = monitors
        self._layout = layout
        self._store = store
        self._steps = steps
        self._exits = exits
        self._hub = hub
        self._news = news
        self._remove = remove

    async def __call__(self, ident: str, checkpoint: str = "", directory: str = "") -> None:
        """Start, from a checkpoint if one is named; what is refused before the first move is no failed start.

        NotModified, Conflict, and Forbidden for a `directory` of checkpoints, which Docker has never supported.
        """
        async with self._store.exclusive(ident) as slot:
            check(slot.rec, Verb.START)
            if directory:
                raise Forbidden("custom checkpointdir is not supported")
            await self._revalidate(slot.rec)
            await self._start(slot, Verb.START, by_hand=True, checkpoint=checkpoint)

    async def again(self, ident: str) -> None:
        """Start by policy: one whose back-off is over, or, at boot, one that has ended; else nothing."""
        async with self._store.exclusive(ident) as slot:
            if slot.rec.phase in (Phase.RESTARTING, Phase.EXITED) and not self._restarts.stays_off(ident):
                await self._start(slot, Verb.AGAIN, by_hand=False)

    async def _start(self, slot: Slot, verb: Verb, by_hand: bool, checkpoint: str = "") -> None:
        with self._turns.queue(slot.rec.id, by_hand) as turn:
            await self._settle.pay(slot)
            await self._in_turn(slot, verb, by_hand, checkpoint, turn)
        self._exits.watch(slot.rec)
        self._monitors.watch(slot.rec)
        self._news.container(slot.rec, "start")

    async def _in_turn(
        self, slot: Slot, verb: Verb, by_hand: bool, checkpoint: str, turn: asyncio.Future[None]
    ) -> None:
        """Store the move first, so that a start that waits can be called off like one that is under way."""
        step, ident, ids = Rollback(slot, self._store.faults), slot.rec.id, slot.rec.network_ids
        with self._under_way.start(ident, step):
            try:
                direct = self._runtimes.is_direct(slot.rec.host_config.runtime)
                await slot.move(verb, **self._sandbox(slot.rec), checkpoint=checkpoint, direct=direct)
                await self._wait(step, turn)
                await self._run(slot, step, by_hand)
            except BaseException as error:
                if not self._under_way.aborted(ident):
                    await finish(self._failed(slot, step, ids, error))
                    advise(error, slot.rec, step.receipt.failed)
                    raise
                called_off = Conflict(
                    f"the start of container {ident} was called off: it was killed or removed meanwhile"
                )
                await finish(self._failed(slot, step, ids, called_off))
                raise called_off from error
            finally:
                self._ahead.soon()

    async def _wait(self, step: Rollback, turn: asyncio.Future[None]) -> None:
        """Wait for the turn; Unavailable when this daemon ends first: nothing is taken yet that it would wait for."""
        if turn.done():
            return
        try:
            with self._supervisor.idle():
                await step.wait(turn)
        except asyncio.CancelledError:
            if self._supervisor.draining:
                raise Unavailable(
                    "the start waited for its turn when the engine began to shut down: try again"
                ) from None
            raise

    async def _run(self, slot: Slot, step: Rollback, by_hand: bool) -> None:
        s = self._steps
        joined = await step.do(s.joins)  # namespaces of other containers, pinned
        netns = step.begin(s.netns)  # pinned before any process exists
        stdio = step.begin(s.stdio)  # keeper, fifos, log, waiting clients
        root = await step.do(s.rootfs)  # snapshot mounted, user known
        volumes = await step.do(s.volumes, root)  # bind sources, volumes filled
        shared = await step.do(s.ipc, joined)  # shared memory, secrets
        files = await step.do(s.netfiles, joined)  # hosts, hostname, resolv.conf
        await step.do(s.endpoints)  # addresses, host ports
        interfaces = step.begin(s.interfaces, await netns)  # links, routes, rules
        names = step.begin(s.names)  # found by others, and able to find them
        known = await s.facts(slot.rec, joined, root, volumes, shared, files)
        with at_spec():
            spec = build_spec(slot.rec, known)  # pure, hence not a step
        slot.rec, runtime = prepare(slot.rec, by_hand, s.engine.apparmor, self._runtimes)  # stored by the next move
        if by_hand:
            self._restarts.forget(slot.rec.id)
        else:
            await offload(runtime.check_program)  # by hand it was checked before the first move
        began = {"started_at": time.time_ns(), "started_on_boot_clock": boot_clock()}
        pid = await step.do(s.task, spec, runtime, await stdio)  # created, not yet running
        await interfaces
        await names
        pid = await step.do(s.run, pid)  # the user's process lives from here
        await slot.move(Verb.STARTED, **began, pid=pid, receipt=step.receipt)  # a failed write rolls back too
        log.debug("start %s: %s", slot.rec.id, ", ".join(f"{k} {v * 1e3:.1f} ms" for k, v in step.spent.items()))

    def _sandbox(self, rec: Record) -> dict[str, str]:
        """Return the id of the sandbox and where its namespace is pinned; the host's and a donor's are not."""
        if joins(rec.host_config.network_mode):
            return {"sandbox_id": "", "sandbox_key": ""}
        ident = new_id()
        key = "" if rec.host_config.network_mode == "host" else self._layout.netns(ident)
        return {"sandbox_id": ident, "sandbox_key": key}

    async def _revalidate(self, rec: Record) -> None:
        """Check what create has checked: this may be another machine, or another configuration."""
        _, warnings = validate(rec.host_config, None, self._defaults)
        for warning in warnings:
            log.warning("start %s: %s", rec.id, warning)
        await offload(self._runtimes.choose(rec.host_config.runtime).check_program)

    async def _failed(self, slot: Slot, step: Rollback, ids: dict[str, str], error: BaseException) -> None:
        """Store why before anything is given back, give it back, end the clients that wait, remove if asked to.

        The order is Docker's (start.md 3.1), that of an exit; the releases see the record as it was while it started.
        """
        await step.settle()
        rec = slot.rec
        if rec.phase in (Phase.STARTING, Phase.RUNNING):  # else the first write itself failed: nothing was begun
            text = str(error) or type(error).__name__
            facts = {"error": text, "exit_code": exit_code(error), "network_ids": ids, "receipt": step.receipt}
            for name in await self._give_back(slot, step, facts):
                error.add_note(f"could not release {name}")
        await self._hub.leave(rec.id, 0)
        if rec.host_config.auto_remove and slot.rec.phase is not rec.phase:
            await self._remove.automatically(slot)

    async def _give_back(self, slot: Slot, step: Rollback, facts: dict[str, Any]) -> tuple[str, ...]:
        """Release what was begun and return the names of what stays owed; a store that fails hinders no release."""
        rec, begun = slot.rec, step.begun(self._steps.all)
        try:
            await slot.move(Verb.FAILED, **facts, owed=tuple(due.name for due in begun))
            store = slot.save
        except (EngineError, asyncio.CancelledError) as failure:  # whatever it is, what was begun is given back
            log.error("%s: failed saving state on start failure: %r", rec.id, failure)
            store = partial(slot.move, Verb.FAILED, **facts) if slot.rec.phase is rec.phase else slot.save
        owed = await finish(release_all(begun, rec, self._store.faults))
        if not owed:
            await self._mount_sweep(rec)
        try:
            await store(**leftovers(owed))
        except EngineError as failure:
            self._unsaved(slot.rec, failure)
            return owed
        if owed:
            self._settle.later(rec.id)
        return owed

    def _unsaved(self, rec: Record, error: EngineError) -> None:
        """All is given back, but the record still says what was begun: it is settled behind, as at boot."""
        log.error("%s: failed saving state on start failure: %s", rec.id, error)
        if rec.alive:
            self._exits.watch(rec)
        else:
            self._settle.later(rec.id)
