"""Every endpoint of API 1.51 that this engine does not have: it answers what is missing, never `page not found`.

Clients take 404 for a broken engine and 503 of the swarm endpoints for "no swarm" (api-containers.md 1.7).
"""

from collections.abc import Iterator

from wherry.api.call import Call
from wherry.api.reply import Answer
from wherry.api.router import Handler, Route
from wherry.base.errors import EngineError, Unavailable, Unimplemented

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
NO_CLUSTER_VOLUME = "volume update only valid for cluster volumes, but swarm is unavailable"
NOT_IN_SWARM = "This node is not part of a swarm"

_FEATURES = {
    "statistics of containers": "GET /containers/{name:.*}/stats",
    "listing the changes of containers": "GET /containers/{name:.*}/changes",
    "exporting containers": "GET /containers/{name:.*}/export",
    "copying files from and to containers": (
        "HEAD /containers/{name:.*}/archive, GET /containers/{name:.*}/archive, PUT /containers/{name:.*}/archive"
    ),
    "attaching by websocket": "GET /containers/{name:.*}/attach/ws",
    "committing containers": "POST /commit",
    "building images": "POST /build, POST /build/prune, POST /session, POST /grpc",
    "pushing images": "POST /images/{name:.*}/push",
    "searching images": "GET /images/search",
    "the history of images": "GET /images/{name:.*}/history",
    "saving images": "GET /images/get, GET /images/{name:.*}/get",
    "pruning images": "POST /images/prune",
    "logging in to registries": "POST /auth",
    "asking registries": "GET /distribution/{name:.*}/json",
    "disk usage": "GET /system/df",
    "plugins": (
        "GET /plugins, GET /plugins/privileges, POST /plugins/pull, POST /plugins/create, GET /plugins/{name:.*}/json, "
        "DELETE /plugins/{name:.*}, POST /plugins/{name:.*}/enable, POST /plugins/{name:.*}/disable, "
        "POST /plugins/{name:.*}/upgrade, POST /plugins/{name:.*}/push, POST /plugins/{name:.*}/set"
    ),
}
"""What is missing, and where it would be."""

_SWARM = (
    "GET /swarm, POST /swarm/init, POST /swarm/join, POST /swarm/update, GET /swarm/unlockkey, POST /swarm/unlock, "
    "GET /nodes, GET /nodes/{id}, DELETE /nodes/{id}, POST /nodes/{id}/update, "
    "GET /services, POST /services/create, GET /services/{id}, DELETE /services/{id}, POST /services/{id}/update, "
    "GET /services/{id}/logs, GET /tasks, GET /tasks/{id}, GET /tasks/{id}/logs, "
    "GET /secrets, POST /secrets/create, GET /secrets/{id}, DELETE /secrets/{id}, POST /secrets/{id}/update, "
    "GET /configs, POST /configs/create, GET /configs/{id}, DELETE /configs/{id}, POST /configs/{id}/update"
)

_SINCE = {
    "/secrets": "1.25",
    "/configs": "1.30",
    "/distribution": "1.30",
    "PUT /volumes": "1.42",
}
"""First API version of an endpoint, by the beginning of its template."""


def _refuse(error: EngineError) -> Handler:
    kind, text = type(error), str(error)

    async def absent(_call: Call) -> Answer:
        raise kind(text)

    return absent


def _routes(endpoints: str, error: EngineError, status: str) -> Iterator[Route]:
    for endpoint in endpoints.split(", "):
        method, template = endpoint.split(" ")
        sinces = [since for start, since in _SINCE.items() if endpoint.startswith(start) or template.startswith(start)]
        yield Route(
            method, template, _refuse(error), since=sinces[0] if sinces else "1.24", lenient=True, status=status
        )


ROUTES = [
    *_routes("POST /swarm/leave", Unavailable(NOT_IN_SWARM), "503"),
    *_routes(_SWARM, Unavailable(NO_SWARM), "503"),
    *_routes("PUT /volumes/{name:.*}", Unavailable(NO_CLUSTER_VOLUME), "503"),
    *(
        route
        for feature, endpoints in _FEATURES.items()
        for route in _routes(endpoints, Unimplemented(f"{feature} is not supported by this engine yet"), "501")
    ),
]
