"""TCP listeners, plain and with TLS, several at once, with the docker CLI from inside the box."""

import subprocess
from pathlib import Path

from tests.real.conftest import IMAGE
from tests.real.engine import Engine

PORT = "127.0.0.1:23761"


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60)


def certificates(directory: Path) -> None:
    """Make ca.pem, and one pair signed by it that serves both sides (cert.pem, key.pem), as the CLI wants them."""
    directory.mkdir()
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(directory, "req", "-x509", *ec, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    openssl(directory, "req", *ec, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
    (directory / "ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    sign = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "ext", "-days", "2")
    openssl(directory, "x509", "-req", "-in", "csr.pem", *sign, "-out", "cert.pem")


def cli(engine: Engine, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command = engine.box.enter("docker", "-H", f"tcp://{PORT}", *arguments)
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


def test_tls(own: Engine) -> None:
    certs = own.root / "certs"
    certificates(certs)
    files = [f"--tls{name}={certs}/{name.removeprefix('ca')}.pem" for name in ("cert", "key")]
    files.append(f"--tlscacert={certs}/ca.pem")
    own.start("-H", f"tcp://{PORT}", "--tlsverify", *files)
    own.load_demo(IMAGE)
    assert cli(own, "--tlsverify", *files, "version", "--format", "{{.Server.Os}}").stdout == "linux\n"
    hundred = "x" * 100_000 + "\n"
    done = cli(
        own, "--tlsverify", *files, "run", "--rm", "-i", "--network", "none", IMAGE, "cat", stdin=hundred
    )  # fmt: skip
    assert (done.returncode, done.stdout == hundred) == (0, True), done.stderr
    assert cli(own, "version").returncode != 0
    assert "certificate" in cli(own, "--tls", "--tlscacert", f"{certs}/ca.pem", "version").stderr
    assert own.ok("version", "--format", "{{.Server.Os}}") == "linux"  # the unix socket beside it


def test_plain_tcp_warns(own: Engine) -> None:
    own.start("-H", f"tcp://{PORT}")
    assert cli(own, "version", "--format", "{{.Server.Os}}").stdout == "linux\n"
    text = own.log.read_text()
    assert "Binding to IP address without --tlsverify is insecure" in text
    assert "is deprecated" not in text
