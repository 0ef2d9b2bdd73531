"""Error kinds. Code branches on the kind, never on the text; the text is the interface to people and clients.

Messages are Docker's words where clients match on them, then the step, the object and the remedy.
`api/errors.py` maps a kind to an HTTP status; `containerd/` and `host/` turn foreign errors into kinds at their door.
"""


class EngineError(Exception):
    """Base of all kinds; answered as 500 when it is none of the classes below."""


class InvalidParameter(EngineError):
    """The request is wrong in itself (400)."""


class Unauthorized(EngineError):
    """Credentials are missing or wrong (401)."""


class Forbidden(EngineError):
    """Understood and refused whatever the credentials (403)."""


class NotFound(EngineError):
    """The object does not exist (404)."""


class Conflict(EngineError):
    """The object's state does not allow it (409)."""


class NotModified(EngineError):
    """The object is already as asked (304, no body)."""


class Unimplemented(EngineError):
    """This engine does not have it (501); the text names what is missing."""


class Unavailable(EngineError):
    """Not now: a part of the engine is down or shutting down (503)."""


class Cancelled(EngineError):
    """The work was cancelled (500)."""


class DeadlineExceeded(EngineError):
    """The work did not end in its time (500)."""


class System(EngineError):
    """The system failed under a correct request (500)."""


def reworded(error: EngineError, text: str) -> EngineError:
    """Return an error of the same kind with another text."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__ == __name__)
    made: EngineError = kind(text)
    return made
