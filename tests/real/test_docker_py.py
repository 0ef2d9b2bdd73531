"""The same engine through docker-py, as test suites and runners use it."""

import io
import socket
from collections.abc import Iterator

import docker
import pytest

from tests.real.conftest import IMAGE
from tests.real.engine import Engine
from wherry.main.demo import demo_archive


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    client = engine.client()
    yield client
    client.close()


def test_ping_version_info(client: docker.DockerClient) -> None:
    assert client.ping()
    assert client.version()["ApiVersion"] == "1.51"
    assert client.info()["OSType"] == "linux"


def test_run_returns_the_output(client: docker.DockerClient) -> None:
    assert client.containers.run(IMAGE, ["echo", "hi"], remove=True) == b"hi\n"


def test_failure_carries_stderr_and_status(client: docker.DockerClient) -> None:
    with pytest.raises(docker.errors.ContainerError) as caught:
        client.containers.run(IMAGE, ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert (caught.value.exit_status, caught.value.stderr) == (3, b"bad\n")


def test_life(client: docker.DockerClient) -> None:
    container = client.containers.run(IMAGE, ["sleep", "1000"], detach=True, labels={"suite": "x"}, name="py")
    assert [c.id for c in client.containers.list(filters={"label": "suite=x"})] == [container.id]
    assert container.exec_run(["echo", "in"]).output == b"in\n"
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2; exit 2"], demux=True)
    assert (code, out, err) == (2, b"o\n", b"e\n")
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("py")


def test_stream_of_logs(client: docker.DockerClient) -> None:
    container = client.containers.run(IMAGE, ["seq", "3"], detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    container.remove()


def test_socket_both_ways(client: docker.DockerClient) -> None:
    container = client.containers.create(IMAGE, ["cat"], stdin_open=True, tty=True)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    sock._sock.sendall(b"echo me\n")
    got = b""
    while got.count(b"echo me") < 2:
        got += sock._sock.recv(4096)
    sock._sock.shutdown(socket.SHUT_RDWR)  # docker-py keeps more references, so closing alone ends nothing
    container.remove(force=True)


def test_load(client: docker.DockerClient) -> None:
    (image,) = client.images.load(io.BytesIO(demo_archive("from-py:1", ["sh"])))
    assert "from-py:1" in image.tags
    client.images.remove("from-py:1")


def test_absent_endpoints_say_so(client: docker.DockerClient) -> None:
    with pytest.raises(docker.errors.APIError) as caught:
        client.swarm.init()
    assert caught.value.status_code == 503
    with pytest.raises(docker.errors.APIError) as caught:
        client.plugins.list()
    assert caught.value.status_code == 501


@pytest.mark.parametrize("version", ["1.24", "1.30", "1.40", "1.44", "1.51"])
def test_every_api_version(engine: Engine, version: str) -> None:
    client = docker.DockerClient(base_url=engine.host, version=version)
    try:
        container = client.containers.run(IMAGE, ["true"], detach=True)
        container.wait()
        client.containers.list(all=True)
        client.images.list()
        container.reload()
        container.remove()
    finally:
        client.close()
