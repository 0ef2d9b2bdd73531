"""Every module imports alone, in a process that has none of ours loaded."""

import json
import subprocess
import sys

from tests.repo.source import ROOT, modules

FORKER = """
import importlib, json, os, sys, traceback
for name in ("aiohttp.web", "msgspec", "uvloop", "google.protobuf.descriptor_pb2", "zstandard"):
    importlib.import_module(name)  # others' libraries are warmed once, ours never before the fork
failed = {}
for name in json.loads(sys.argv[1]):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            importlib.import_module(name)
        except BaseException:
            os.write(write, traceback.format_exc().encode()[-4000:])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(pid, 0)
    if text:
        failed[name] = text
print(json.dumps(failed))
"""


def test_every_module_imports_alone() -> None:
    names = json.dumps(sorted(modules()))
    done = subprocess.run([sys.executable, "-c", FORKER, names], cwd=ROOT, capture_output=True, text=True, check=True)
    failed = json.loads(done.stdout.splitlines()[-1])
    print(*failed.values(), sep="\n")
    assert {name: text.splitlines()[-1] for name, text in failed.items()} == {}
