"""The token flow: from a registry's challenge to a header `Authorization` (images.md 12.3; distribution spec)."""

from urllib.parse import urlencode, urlsplit

import msgspec

from wherry.base.errors import System, Unauthorized
from wherry.images.credentials import Challenge, Credentials
from wherry.images.parse import MALFORMED, parse_document
from wherry.images.web import Document, Request, Transient, Web

CLIENT_ID = "containerd-client"
ANSWER = 1 << 20
"""Bytes of the largest answer of a token server."""
FALL_BACK = frozenset((400, 401, 404, 405))
"""What token servers answer that know no POST."""


class NoCredentials(System):
    """The client has said nothing of who it is. Not Unauthorized: at 401 the docker CLI asks a terminal for them."""


class Answer(msgspec.Struct, frozen=True):
    """What a token server says; both names of the token are in use."""

    token: str = ""
    access_token: str = ""


async def authorize(web: Web, challenges: list[Challenge], who: Credentials, scope: str, insecure: bool) -> str:
    """Return the header for the first challenge that can be met.

    Unauthorized if there is none, or in the words of the token server if it refuses; Transient and System of `web`.
    """
    for challenge in challenges:
        if challenge.scheme == "bearer":
            if who.registry_token:
                return f"Bearer {who.registry_token}"
            return f"Bearer {await _token(web, challenge, who, scope, insecure)}"
        if challenge.scheme == "basic":
            if not who.basic:
                raise NoCredentials("no basic auth credentials")
            return who.basic
    raise Unauthorized("unauthorized: authentication required")


async def _token(web: Web, challenge: Challenge, who: Credentials, scope: str, insecure: bool) -> str:
    realm, fields = challenge.parameters.get("realm", ""), {"scope": scope}
    if service := challenge.parameters.get("service", ""):
        fields["service"] = service
    scheme = urlsplit(realm).scheme
    if scheme not in ("http", "https"):
        raise System(f'invalid realm "{realm}" of a registry\'s token server')
    secret = who.identity_token or who.password
    if secret and scheme == "http" and not insecure:
        raise System(f"refused to send credentials to {realm} without TLS")
    answer = await _post(web, realm, fields, who, insecure) if secret else None
    if answer is None or (answer.status in FALL_BACK and who.basic):
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(fields)}"
        answer = await web.read(Request("GET", url, authorization=who.basic, insecure=insecure), ANSWER)
    return _read(answer, realm)


async def _post(web: Web, realm: str, fields: dict[str, str], who: Credentials, insecure: bool) -> Document:
    if who.identity_token:
        secret = {"grant_type": "refresh_token", "refresh_token": who.identity_token}
    else:
        secret = {"grant_type": "password", "username": who.username, "password": who.password}
    form = {**fields, **secret, "client_id": CLIENT_ID}
    return await web.read(Request("POST", realm, form=form, insecure=insecure), ANSWER)


def _read(answer: Document, realm: str) -> str:
    if answer.status in (401, 403):
        raise Unauthorized("unauthorized: incorrect username or password")
    if answer.status >= 500 or answer.status == 429:
        raise Transient(f"token server {realm}: received unexpected HTTP status: {answer.status}")
    try:
        found = parse_document(answer.body, Answer)
    except MALFORMED as error:
        raise System(f"token server {realm}: status {answer.status}, no valid answer: {error}") from error
    token = found.token or found.access_token
    if not token.isascii() or not token.isprintable() or not token:
        raise System("authorization server did not include a token in the response")
    return token
