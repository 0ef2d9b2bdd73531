"""Tasks: the running side of a container, behind its shim (start.md S18 to S20 and 6)."""

from dataclasses import dataclass

from wherry.containerd.channel import CALL_DEADLINE, Channel
from wherry.containerd.gen.messages import AnyValue, Empty, message, nanoseconds
from wherry.containerd.gen.pool import Message
from wherry.containerd.values import RuntimeOptions, from_descriptor, to_any, to_descriptor
from wherry.model.image import Descriptor

TASKS = "containerd.services.tasks.v1"
SERVICE = f"{TASKS}.Tasks"
CreateTaskRequest = message(f"{TASKS}.CreateTaskRequest")
CreateTaskResponse = message(f"{TASKS}.CreateTaskResponse")
ProcessRequest = message(f"{TASKS}.ProcessRequest")
StartResponse = message(f"{TASKS}.StartResponse")
DeleteResponse = message(f"{TASKS}.DeleteResponse")
GetResponse = message(f"{TASKS}.GetResponse")
ListTasksRequest = message(f"{TASKS}.ListTasksRequest")
ListTasksResponse = message(f"{TASKS}.ListTasksResponse")
KillRequest = message(f"{TASKS}.KillRequest")
ExecProcessRequest = message(f"{TASKS}.ExecProcessRequest")
UpdateTaskRequest = message(f"{TASKS}.UpdateTaskRequest")
PauseTaskRequest = message(f"{TASKS}.PauseTaskRequest")
ResumeTaskRequest = message(f"{TASKS}.ResumeTaskRequest")
ResizePtyRequest = message(f"{TASKS}.ResizePtyRequest")
CloseIORequest = message(f"{TASKS}.CloseIORequest")
CheckpointTaskRequest = message(f"{TASKS}.CheckpointTaskRequest")
CheckpointTaskResponse = message(f"{TASKS}.CheckpointTaskResponse")
ListPidsResponse = message(f"{TASKS}.ListPidsResponse")
WaitResponse = message(f"{TASKS}.WaitResponse")

RESOURCES_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"
PROCESS_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Process"
STATUSES = ("unknown", "created", "running", "stopped", "paused", "pausing")
Pids = list[int]
LAUNCH_DEADLINE = 60.0
"""Seconds for what starts a shim or runs the OCI runtime: 20 to 50 ms on an idle machine, far more on a full one."""
CHECKPOINT_DEADLINE = 1800.0
"""Seconds for a checkpoint or its restore: all memory of the container is written twice."""
CHECKPOINT_MEDIA_TYPE = "application/vnd.containerd.container.criu.checkpoint.criu.tar"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: 128 + n for signal n (the shim's reckoning), and when, in nanoseconds since the epoch.

    `at_ns` is 0 when nobody saw it.
    """

    status: int
    at_ns: int
    note: str = ""
    """What ended it, where the status does not tell."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task or an exec as its shim sees it.

    `status` is one of STATUSES; `id` is the exec's for an exec; `exited_at_ns` is 0 while it lives.
    """

    id: str
    pid: int
    status: str
    exit_status: int
    exited_at_ns: int


class Tasks:
    """containerd's task service; an `exec_id` of `""` means the container's own process."""

    def __init__(self, channel: Channel) -> None:
        """Take the channel whose namespace the containers are in."""
        self._channel = channel

    async def create(
        self,
        id: str,
        stdin: str,
        stdout: str,
        stderr: str,
        terminal: bool,
        options: RuntimeOptions | None,
        checkpoint: Descriptor | None = None,
    ) -> int:
        """Start the shim and create the container, its process not yet running; return the init's pid.

        stdin, stdout and stderr are paths of fifos, `""` for none; the shim opens them now. From a checkpoint (a tar in
        the content store, read before this returns) the process is made at `start` only, and the pid is 0.
        Conflict if there is a task.
        """
        request = CreateTaskRequest(
            container_id=id,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            terminal=terminal,
            options=to_any(options),
            checkpoint=None if checkpoint is None else to_descriptor(checkpoint),
        )
        deadline = LAUNCH_DEADLINE if checkpoint is None else CHECKPOINT_DEADLINE
        reply = await self._channel.call(f"{SERVICE}/Create", request, CreateTaskResponse, deadline=deadline)
        return int(reply.pid)

    async def start(self, id: str, exec_id: str = "", deadline: float = LAUNCH_DEADLINE) -> int:
        """Let the user's process run and return its pid."""
        request = ProcessRequest(container_id=id, exec_id=exec_id)
        reply = await self._channel.call(f"{SERVICE}/Start", request, StartResponse, deadline=deadline)
        return int(reply.pid)

    async def kill(self, id: str, signal: int, exec_id: str = "", everyone: bool = False) -> None:
        """Signal a process, or every one of the container; NotFound if it is gone."""
        request = KillRequest(container_id=id, exec_id=exec_id, signal=signal, all=everyone)
        await self._channel.call(f"{SERVICE}/Kill", request, Empty, deadline=CALL_DEADLINE)

    async def wait(self, id: str, exec_id: str = "", deadline: float | None = None) -> Exit:
        """Wait until a process has ended; an ended one answers at once.

        `deadline` is in seconds, None as long as the process lives (the task's death ends the wait, as does
        containerd's: Unavailable). DeadlineExceeded, NotFound.
        """
        request = ProcessRequest(container_id=id, exec_id=exec_id)
        reply = await self._channel.call(f"{SERVICE}/Wait", request, WaitResponse, deadline=deadline)
        return _read_exit(reply)

    async def delete(self, id: str) -> Exit:
        """Delete an ended task and end its shim; NotFound if there is none.

        One that runs is refused: System by containerd 1.6, InvalidParameter by 2.x.
        """
        request = ProcessRequest(container_id=id)
        reply = await self._channel.call(f"{SERVICE}/Delete", request, DeleteResponse, deadline=LAUNCH_DEADLINE)
        return _read_exit(reply)

    async def delete_process(self, id: str, exec_id: str) -> Exit:
        """Delete an ended exec; NotFound if there is none."""
        request = ProcessRequest(container_id=id, exec_id=exec_id)
        reply = await self._channel.call(f"{SERVICE}/DeleteProcess", request, DeleteResponse, deadline=LAUNCH_DEADLINE)
        return _read_exit(reply)

    async def exec(
        self, id: str, exec_id: str, process: bytes, stdin: str, stdout: str, stderr: str, terminal: bool
    ) -> None:
        """Add a process (OCI `process` as JSON), not yet running; Conflict if the exec id exists."""
        request = ExecProcessRequest(
            container_id=id,
            exec_id=exec_id,
            spec=AnyValue(type_url=PROCESS_TYPE, value=process),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            terminal=terminal,
        )
        await self._channel.call(f"{SERVICE}/Exec", request, Empty)

    async def resize(self, id: str, exec_id: str, width: int, height: int) -> None:
        """Set the size of a terminal in columns and rows."""
        request = ResizePtyRequest(container_id=id, exec_id=exec_id, width=width, height=height)
        await self._channel.call(f"{SERVICE}/ResizePty", request, Empty)

    async def close_stdin(self, id: str, exec_id: str = "") -> None:
        """Close the shim's end of stdin, so that the process reads its end; only after start."""
        request = CloseIORequest(container_id=id, exec_id=exec_id, stdin=True)
        await self._channel.call(f"{SERVICE}/CloseIO", request, Empty)

    async def update(self, id: str, resources: bytes) -> None:
        """Change the limits of a container (OCI `linux.resources` as JSON)."""
        request = UpdateTaskRequest(container_id=id, resources=AnyValue(type_url=RESOURCES_TYPE, value=resources))
        await self._channel.call(f"{SERVICE}/Update", request, Empty, deadline=LAUNCH_DEADLINE)

    async def pause(self, id: str) -> None:
        """Freeze every process of a container."""
        await self._channel.call(f"{SERVICE}/Pause", PauseTaskRequest(container_id=id), Empty, deadline=LAUNCH_DEADLINE)

    async def resume(self, id: str) -> None:
        """Let them run on."""
        request = ResumeTaskRequest(container_id=id)
        await self._channel.call(f"{SERVICE}/Resume", request, Empty, deadline=LAUNCH_DEADLINE)

    async def checkpoint(self, id: str, options: RuntimeOptions, lease: str) -> list[Descriptor]:
        """Write the state of a container into the content store, under a lease; return what was written.

        The tar of CRIU's files has CHECKPOINT_MEDIA_TYPE; System in the runtime's words when it cannot.
        """
        request = CheckpointTaskRequest(container_id=id, options=to_any(options))
        reply = await self._channel.call(
            f"{SERVICE}/Checkpoint", request, CheckpointTaskResponse, deadline=CHECKPOINT_DEADLINE, lease=lease
        )
        return [from_descriptor(found) for found in reply.descriptors]

    async def get(self, id: str, exec_id: str = "") -> TaskState:
        """Return a task's state; NotFound."""
        request = ProcessRequest(container_id=id, exec_id=exec_id)
        reply = await self._channel.call(f"{SERVICE}/Get", request, GetResponse)
        return _read_state(reply.process)

    async def list(self) -> list[TaskState]:
        """Return every task of the namespace, execs left out."""
        reply = await self._channel.call(f"{SERVICE}/List", ListTasksRequest(), ListTasksResponse)
        return [_read_state(found) for found in reply.tasks]

    async def pids(self, id: str) -> Pids:
        """Return the pids of all processes of a container, as the engine's pid namespace numbers them."""
        request = ProcessRequest(container_id=id)
        reply = await self._channel.call(f"{SERVICE}/ListPids", request, ListPidsResponse)
        return [int(found.pid) for found in reply.processes]


def _read_exit(reply: Message) -> Exit:
    return Exit(int(reply.exit_status), nanoseconds(reply.exited_at))


def _read_state(process: Message) -> TaskState:
    status = STATUSES[process.status]
    return TaskState(process.id, process.pid, status, process.exit_status, nanoseconds(process.exited_at))
