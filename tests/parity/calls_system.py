"""The engine itself, and what holds for every endpoint: routing, versions, bodies, queries."""

from tests.parity.cases import Call, Case, V, case, create
from tests.parity.side import IMAGE

OLD_VERSIONS = ("/v1.24", "/v1.40", "/v1.43", "/v1.44", "/v1.46", "/v1.48", "/v1.49", "/v1.50")
JSON_TYPE = {"Content-Type": "application/json"}


def refuse(name: str, raw: bytes, **headers: str) -> Case:
    """Return a create with a body of bytes."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()} if headers else JSON_TYPE
    return case(f"body {name}", Call("POST", "/containers/create", raw=raw, headers=sent))


ENGINE = (
    case("ping", Call("GET", "/_ping", version="")),
    case("ping head", Call("HEAD", "/_ping", version="")),
    case("ping with version", Call("GET", "/_ping", version="/v1.40")),
    case("version", Call("GET", "/version", version="")),
    case("version 1.24", Call("GET", "/version", version="/v1.24")),
    case("info", Call("GET", "/info", version="")),
    *(case(f"info {version[2:]}", Call("GET", "/info", version=version)) for version in OLD_VERSIONS),
)

ROUTING = (
    case("unknown path", Call("GET", "/nothing")),
    case("unknown path without version", Call("GET", "/nothing", version="")),
    case("root", Call("GET", "/", version="")),
    case("wrong method", Call("PUT", "/containers/json")),
    case("wrong method of a name", Call("GET", "/containers/x/start")),
    case("method unknown", Call("BREW", "/containers/json")),
    case("options", Call("OPTIONS", "/containers/json")),
    case("head of a get", Call("HEAD", "/containers/json")),
    case("slash at the end", Call("GET", "/containers/json/")),
    case("slash at the end of networks", Call("GET", "/networks/?filters=%7B%22name%22%3A%5B%22none%22%5D%7D")),
    case("double slash", Call("GET", "//containers/json")),
    case("dots", Call("GET", "/containers/../info")),
    case("escaped slash in a name", Call("GET", "/containers/a%2Fb/json")),
    case("slash in a name", Call("GET", "/containers/a/b/json")),
    case("blank in a name", Call("GET", "/containers/a%20b/json")),
    case("bad escape in a path", Call("GET", "/containers/%zz/json")),
    case("bad escape in a query", Call("GET", "/containers/json", "all=%zz")),
    case("bad escape in a query of post", Call("POST", "/containers/x/stop", "t=%zz")),
    case("semicolon in a query", Call("GET", "/containers/json", "all=1;limit=2")),
    case("too new", Call("GET", "/info", version="/v1.99")),
    case("too old", Call("GET", "/info", version="/v1.10")),
    case("a little too old", Call("GET", "/info", version="/v1.23")),
    case("version of one number", Call("GET", "/info", version="/v1")),
    case("version of three numbers", Call("GET", "/_ping", version="/v1.24.1")),
    case("version that is none", Call("GET", "/info", version="/v1.x")),
    case("version of a bad ping", Call("GET", "/_ping", version="/v9.9")),
    case("swarm", Call("GET", "/swarm")),
    case("nodes", Call("GET", "/nodes")),
    case("swarm leave", Call("POST", "/swarm/leave")),
    case("services", Call("GET", "/services")),
    case("secrets before they were", Call("GET", "/secrets", version="/v1.24")),
    case("tasks", Call("GET", "/tasks")),
)

BODIES = (
    refuse("empty", b""),
    refuse("null", b"null"),
    refuse("empty object", b"{}"),
    refuse("cut", b'{"Image": "x'),
    refuse("no json", b"hello"),
    refuse("list", b"[]"),
    refuse("text", b'"x"'),
    refuse("number", b"1"),
    refuse("with a tail", b'{"Image": "x"} {}'),
    refuse("with a tail of garbage", b'{"Image": "x"} x'),
    refuse("comma", b'{"Image": "x",}'),
    refuse("control character", b'{"Image": "a\nb"}'),
    refuse("bad escape", b'{"Image": "\\x"}'),
    refuse("NaN", b'{"StopTimeout": NaN}'),
    refuse("without type", b"{}", X_None="1"),
    refuse("of another type", b"{}", Content_Type="text/plain"),
    refuse("of a type with parameter", b"null", Content_Type="application/json; charset=utf-8"),
    refuse("of a bad type", b"{}", Content_Type="a/b/c"),
    refuse("of a form", b"a=b", Content_Type="application/x-www-form-urlencoded"),
    refuse("text for int", b'{"StopTimeout": "1"}'),
    refuse("float for int", b'{"StopTimeout": 1.5}'),
    refuse("1e2 for int", b'{"StopTimeout": 1e2}'),
    refuse("bool for int", b'{"StopTimeout": true}'),
    refuse("too large an int", b'{"HostConfig": {"Memory": 9223372036854775808}}'),
    refuse("text for int in host config", b'{"HostConfig": {"Memory": "1"}}'),
    refuse("int for bool", b'{"Tty": 1}'),
    refuse("int for text", b'{"Image": 1}'),
    refuse("text for list", b'{"Env": "A=1"}'),
    refuse("object for list", b'{"Env": {}}'),
    refuse("int in list", b'{"Env": ["A=1", 2]}'),
    refuse("list for map", b'{"Labels": ["a=b"]}'),
    refuse("int in map", b'{"Labels": {"a": 1}}'),
    refuse("list for object", b'{"HostConfig": []}'),
    refuse("int for cmd", b'{"Cmd": 1}'),
    refuse("int in cmd", b'{"Cmd": [1]}'),
    refuse("deep", b'{"HostConfig": {"RestartPolicy": {"MaximumRetryCount": "a"}}}'),
    refuse("in a list", b'{"HostConfig": {"Mounts": [{"ReadOnly": "a"}]}}'),
    refuse("in a map", b'{"NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAddress": 1}}}}'),
    case("names in any case", create(Cmd=None, cmd=["true"], hostconfig={"memory": 1})),
    case("unknown fields", create(Nonsense=1, HostConfig={"Nonsense": {}})),
    case("doubled field", Call("POST", "/containers/create", raw=b'{"Image": 1, "Image": "x"}', headers=JSON_TYPE)),
    case("body where none is read", Call("POST", "/containers/absent/stop", raw=b"hello", headers=JSON_TYPE)),
    case(
        "text body where none is read",
        Call("POST", "/containers/absent/kill", raw=b"x=y", headers={"Content-Type": "a"}),
    ),
)

QUERIES = (
    case("limit no number", Call("GET", "/containers/json", "limit=abc")),
    case("limit negative", Call("GET", "/containers/json", "limit=-1")),
    case("filters no json", Call("GET", "/containers/json", "filters=abc")),
    case("filters a list", Call("GET", "/containers/json", "filters=[]")),
    case("filters null", Call("GET", "/containers/json", "filters=null")),
    case("filters number", Call("GET", "/containers/json", {"filters": '{"label": 1}'})),
    case("filters mixed", Call("GET", "/containers/json", {"filters": '{"label": ["a"], "name": {"b": true}}'})),
    case("filters unknown", Call("GET", "/containers/json", {"filters": '{"nonsense": ["a"]}'})),
    case("filters empty", Call("GET", "/containers/json", {"filters": "{}", "limit": "1"})),
    case("filters with a tail", Call("GET", "/containers/json", {"filters": "{} x"})),
    *(
        case(
            f"containers filter {key}={value}",
            Call("GET", "/containers/json", {"filters": f'{{"{key}": ["{value}"]}}'}),
        )
        for key, value in (
            ("status", "nonsense"),
            ("health", "nonsense"),
            ("exited", "a"),
            ("is-task", "maybe"),
            ("publish", "a:b"),
            ("expose", "abc"),
            ("since", "absent"),
            ("before", "absent"),
            ("ancestor", "absent"),
            ("network", "absent"),
            ("volume", "/absent"),
            ("isolation", "x"),
            ("name", "("),
            ("id", "zz"),
            ("label", "absent=1"),
        )
    ),
    *(
        case(f"images filter {key}={value}", Call("GET", "/images/json", {"filters": f'{{"{key}": ["{value}"]}}'}))
        for key, value in (
            ("nonsense", "a"),
            ("dangling", "maybe"),
            ("before", "absent"),
            ("since", "absent"),
            ("label", "absent"),
            ("reference", "absent*"),
            ("reference", "["),
            ("until", "nonsense"),
        )
    ),
    *(
        case(f"networks filter {key}={value}", Call("GET", "/networks", {"filters": f'{{"{key}": ["{value}"]}}'}))
        for key, value in (
            ("nonsense", "a"),
            ("type", "nonsense"),
            ("dangling", "maybe"),
            ("scope", "nonsense"),
            ("driver", "absent"),
            ("name", "absent"),
            ("id", "absent"),
            ("label", "absent"),
        )
    ),
    case("images filters no json", Call("GET", "/images/json", "filters=abc")),
    case("networks filters no json", Call("GET", "/networks", "filters=abc")),
    case("events filters no json", Call("GET", "/events", "filters=abc&since=1&until=2")),
    case("events since no time", Call("GET", "/events", "since=abc&until=2")),
    case("events until no time", Call("GET", "/events", "since=1&until=abc")),
    case("events since after until", Call("GET", "/events", "since=5&until=2")),
    case("events of long ago", Call("GET", "/events", "since=1&until=2")),
    case(
        "events unknown filter", Call("GET", "/events", {"since": "1", "until": "2", "filters": '{"nonsense": ["a"]}'})
    ),
    case("stop no number", Call("POST", "/containers/absent/stop", "t=abc")),
    case("resize without size", Call("POST", "/containers/absent/resize")),
    case("resize no number", Call("POST", "/containers/absent/resize", "h=a&w=1")),
    case("resize negative", Call("POST", "/containers/absent/resize", "h=1&w=-1")),
    case("resize too large", Call("POST", "/containers/absent/resize", "h=4294967296&w=1")),
    case("exec resize no number", Call("POST", "/exec/absent/resize", "h=a&w=1")),
    case("platform", create(version=V), Call("POST", "/containers/create", {"platform": "a/b/c/d"}, {"Image": IMAGE})),
    case("platform unknown", Call("POST", "/containers/create", {"platform": "nonsense"}, {"Image": IMAGE})),
    case("platform absent", Call("POST", "/containers/create", {"platform": "linux/s390x"}, {"Image": IMAGE})),
    case("platform bad", Call("POST", "/containers/create", {"platform": "li nux"}, {"Image": IMAGE})),
)

CASES = (*ENGINE, *ROUTING, *BODIES, *QUERIES)
