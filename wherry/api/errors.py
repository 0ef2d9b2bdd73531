"""Error kinds on the wire: the one table from kind to HTTP status (start.md 1.4)."""

from wherry.base import errors

STATUS: dict[type[errors.EngineError], int] = {
    errors.InvalidParameter: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotModified: 304,
    errors.Unimplemented: 501,
    errors.Unavailable: 503,
}


def status_of(error: errors.EngineError) -> int:
    """Return the status of an error; what has no line of its own is the engine's failure, 500."""
    for kind in type(error).__mro__:
        status = STATUS.get(kind)
        if status is not None:
            return status
    return 500
