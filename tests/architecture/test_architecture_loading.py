"""Every module is imported in a process with an empty environment in which sockets, processes, threads and our own files are refused."""

import json
import subprocess
import sys

from tests.architecture.source import FUNCTIONS_ROOT, PACKAGE_ROOT, PROJECT, function_modules, package_modules

PROBE = """
import importlib, json, sys, threading
sys.path[:0] = sys.argv[2:4]
ours = tuple(sys.argv[2:5])
REFUSED = (
    "socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostby", "urllib.Request",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
)
events = []

def refuse(event, *_):
    events.append(event)
    raise PermissionError(event)

def watch(event, arguments):
    if event == "socket.bind":
        raise OSError(event)  # urllib3 tries ::1 to learn whether there is IPv6, and takes no for an answer
    if event.startswith(REFUSED):
        refuse(event)
    if event == "open" and isinstance(arguments[0], str):
        path, mode = arguments[0], arguments[1]
        writes = isinstance(mode, str) and set(mode) & set("wax+")
        source = path.endswith((".py", ".pyc")) or "/.venv/" in path
        if writes or (path.startswith(ours) and not source):
            refuse(f"open {path}")

for starter in ("_start_new_thread", "_start_joinable_thread"):
    if hasattr(threading, starter):
        setattr(threading, starter, lambda *_, **__: refuse("thread"))
failures = {}
sys.addaudithook(watch)
for name in json.loads(sys.argv[1]):
    events.clear()
    try:
        importlib.import_module(name)
    except BaseException as error:
        failures[name] = f"{type(error).__name__}: {error}"
    if events:
        failures[name] = ", ".join(events)
print(json.dumps(failures))
"""


def failures(names: list[str], extra: str = "") -> dict[str, str]:
    probe = [sys.executable, "-I", "-B", "-c", extra + PROBE, json.dumps(names), str(PACKAGE_ROOT), str(FUNCTIONS_ROOT), str(PROJECT)]
    finished = subprocess.run(probe, env={}, capture_output=True, text=True, check=False, cwd="/")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_every_module_imports_with_an_empty_environment_and_no_network():
    assert failures([*package_modules(), *function_modules()]) == {}


def test_the_probe_sees_what_it_must_refuse(tmp_path):
    planted = {
        "reads_environment": "import os\nX = os.environ['AWS_REGION']\n",
        "connects": "import socket\nsocket.socket().connect(('127.0.0.1', 9))\n",
        "resolves_name": "import socket\nsocket.getaddrinfo('localhost', 80)\n",
        "starts_process": "import subprocess\nsubprocess.run(['true'])\n",
        "starts_thread": "import threading\nthreading.Thread(target=print).start()\n",
        "writes_file": f"open({str(tmp_path / 'x')!r}, 'w')\n",
        "reads_our_file": f"open({str(PROJECT / 'pyproject.toml')!r})\n",
    }
    for name, text in planted.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    found = failures(["json", *planted], f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n")
    assert set(found) == set(planted)
