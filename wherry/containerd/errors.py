"""The one door where gRPC's errors become kinds."""

import asyncio
import contextlib
from collections.abc import Iterator

import grpc
from grpc import StatusCode, aio

from wherry.base.errors import (
    Cancelled,
    Conflict,
    DeadlineExceeded,
    EngineError,
    InvalidParameter,
    NotFound,
    System,
    Unavailable,
    Unimplemented,
)

KINDS: dict[StatusCode, type[EngineError]] = {
    StatusCode.NOT_FOUND: NotFound,
    StatusCode.ALREADY_EXISTS: Conflict,
    # Not Conflict, which means "exists already" to the callers of this room; 400 is Docker's answer too (start.md 1.4).
    StatusCode.FAILED_PRECONDITION: InvalidParameter,
    StatusCode.INVALID_ARGUMENT: InvalidParameter,
    StatusCode.OUT_OF_RANGE: InvalidParameter,
    StatusCode.UNIMPLEMENTED: Unimplemented,
    StatusCode.CANCELLED: Cancelled,
}


@contextlib.contextmanager
def translate(method: str) -> Iterator[None]:
    """Turn what a call of `method` (`package.Service/Method`) raises into kinds.

    The text is containerd's own, because exit codes are read from it (start.md 3.3); only an answer that did not come
    names the call, because the words are gRPC's. A call that ends because the channel was closed under it
    looks like a cancelled task to asyncio; it becomes Unavailable, unless this task is being cancelled indeed.
    """
    short = method.rpartition(".")[2]
    try:
        yield
    except aio.AioRpcError as error:
        raise _kind(error, short) from error
    except (aio.UsageError, grpc.RpcError) as error:
        raise Unavailable(f"containerd {short}: {error}") from error
    except TimeoutError as error:
        raise _late(short) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Unavailable(f"containerd {short}: the connection was closed") from error


@contextlib.contextmanager
def translate_os(step: str) -> Iterator[None]:
    """Turn an OSError of our own child's files and process into System that names the step and the file."""
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise System(f"{step}{where}: {error.strerror or error}") from error


def _kind(error: aio.AioRpcError, method: str) -> EngineError:
    code: StatusCode = error.code()
    if code is StatusCode.DEADLINE_EXCEEDED:
        return _late(method)
    details = error.details() or code.name.lower().replace("_", " ")
    if code is StatusCode.UNAVAILABLE:
        return Unavailable(f"containerd {method}: {details}")
    return KINDS.get(code, System)(details)


def _late(method: str) -> DeadlineExceeded:
    return DeadlineExceeded(f"containerd {method}: no answer within the deadline")
