"""What registries answer instead of what was asked for, in Docker's words (images.md 12.4)."""

from contextlib import suppress
from http import HTTPStatus

import msgspec

from wherry.base.errors import EngineError, NotFound, System
from wherry.base.refs import Reference
from wherry.images.credentials import read_challenges
from wherry.images.parse import MALFORMED, parse_document
from wherry.images.web import Document, Transient

TEXT = 2000
"""Characters of a registry's message that are told on."""
WORDS = {
    "DENIED": "requested access to the resource is denied",
    "UNAUTHORIZED": "authentication required",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_UNKNOWN": "repository name not known to registry",
    "BLOB_UNKNOWN": "blob unknown to registry",
    "TOOMANYREQUESTS": "too many requests",
}
BY_STATUS = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS"}


class Problem(msgspec.Struct, frozen=True):
    """One of the errors in an answer."""

    code: str = ""
    message: str = ""


class Problems(msgspec.Struct, frozen=True):
    """The body of an answer that refuses; some old ones have but `details`."""

    errors: list[Problem] = []
    details: str = ""


def refusal(answer: Document, ref: Reference) -> EngineError:
    """Return the error for an answer of status 400 or more, or another that makes no sense."""
    problem = _problem(answer)
    code, message = problem.code, problem.message[:TEXT] or WORDS.get(problem.code, "")
    said = f"{code.lower().replace('_', ' ')}: {message}"
    if answer.status in (401, 403) or code == "DENIED":
        return denied(ref, said)
    if code == "NAME_UNKNOWN":
        return NotFound(f"repository {ref.familiar_name} not found: {said}")
    if code == "MANIFEST_UNKNOWN":
        return NotFound(f"manifest for {ref.familiar} not found: {said}")
    if answer.status >= 500 or answer.status == 429:
        return Transient(said if code else f"received unexpected HTTP status: {_status(answer.status)}")
    if answer.status == 404:
        return NotFound(said if code else f"manifest for {ref.familiar} not found")
    return System(
        f"error from registry: {said}" if code else f"received unexpected HTTP status: {_status(answer.status)}"
    )


def denied(ref: Reference, why: object) -> NotFound:
    """Return the error for a repository that is not there, or not for this client: registries do not say which."""
    return NotFound(
        f"pull access denied for {ref.familiar_name}, repository does not exist or may require 'docker login': {why}"
    )


def _problem(answer: Document) -> Problem:
    for challenge in read_challenges(answer.challenges):
        # The registry has seen the token, and says in the challenge what is wrong with it (RFC 6750, 3.1).
        if answer.status == 401 and challenge.parameters.get("error") == "insufficient_scope":
            return Problem("DENIED", challenge.parameters.get("error_description", ""))
    found = Problems()
    with suppress(*MALFORMED):  # a proxy's page in HTML: the status says enough
        found = parse_document(answer.body, Problems)
    if found.errors and found.errors[0].code:
        return found.errors[0]
    return Problem(BY_STATUS.get(answer.status, ""), found.details)


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
