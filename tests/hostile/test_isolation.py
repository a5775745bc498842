"""What a guest cannot reach: threads, processes, the network, the host, and other contexts."""

from __future__ import annotations

import os
import re
import secrets
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from wasm_interp import CodeContext, ExecutionResult, Sandbox

GENEROUS_SECONDS = 60.0


def run(context: CodeContext, code: str) -> ExecutionResult:
    return context.run(code, timeout=GENEROUS_SECONDS)


def json_of(context: CodeContext, code: str) -> Any:
    result = run(context, code)
    assert result.error is None, str(result.error)
    return result.results[-1].json


# Threads, processes, the network

NO_PROCESSES = "there are no processes in this sandbox"
NO_NETWORK = "there is no network in this sandbox"


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        (
            "import threading; threading.Thread(target=print).start()",
            "RuntimeError",
            "can't start new thread: there are no threads in this sandbox",
        ),
        ("import _thread; _thread.start_new_thread(print, ())", "RuntimeError", "can't start new thread"),
        ("import subprocess; subprocess.run(['ls'])", "OSError", f"[Errno 58] {NO_PROCESSES}: cannot run ['ls']"),
        ("import subprocess; subprocess.check_output('ls', shell=True)", "OSError", NO_PROCESSES),
        ("import os; os.system('ls')", "OSError", f"[Errno 58] {NO_PROCESSES}: cannot run 'ls'"),
        ("import os; os.popen('ls').read()", "OSError", NO_PROCESSES),
        ("import os; os.fork()", "AttributeError", "module 'os' has no attribute 'fork'"),
        ("import os; os.execv('/bin/sh', ['sh'])", "AttributeError", "module 'os' has no attribute 'execv'"),
        ("import os; os.posix_spawn('/bin/sh', ['sh'], {})", "AttributeError", "posix_spawn"),
        ("import os; os.kill(1, 9)", "AttributeError", "module 'os' has no attribute 'kill'"),
        ("import _posixsubprocess", "ModuleNotFoundError", ""),
        ("import multiprocessing; multiprocessing.Process(target=print).start()", "OSError", NO_PROCESSES),
        ("import multiprocessing; multiprocessing.Pool(2)", "OSError", NO_PROCESSES),
        ("import asyncio; await asyncio.create_subprocess_shell('ls')", "OSError", NO_PROCESSES),
        ("import socket; socket.socket()", "OSError", f"[Errno 58] {NO_NETWORK}"),
        ("import socket; socket.create_connection(('127.0.0.1', 80))", "OSError", NO_NETWORK),
        ("import socket; socket.getaddrinfo('localhost', 80)", "OSError", NO_NETWORK),
        ("import _socket; _socket.socket().connect(('127.0.0.1', 80))", "OSError", "[Errno 58] Not supported"),
        ("import _socket; _socket.socket(fileno=1).send(b'x')", "OSError", ""),
        ("import urllib.request; urllib.request.urlopen('http://localhost')", "URLError", NO_NETWORK),
        ("import urllib.request; urllib.request.urlopen('https://localhost')", "URLError", NO_NETWORK),
        ("import asyncio; await asyncio.open_connection('localhost', 80)", "OSError", NO_NETWORK),
        ("import ctypes; ctypes.string_at(0)", "OSError", "ctypes is unavailable on wasm32-wasi"),
        ("import mmap; mmap.mmap(-1, 65536)", "OSError", "mmap is unavailable on wasm32-wasi"),
    ],
)
def test_what_there_is_not_is_refused(context: CodeContext, code: str, name: str, value: str) -> None:
    result = run(context, code)
    assert result.error is not None
    assert (result.error.name, result.stopped) == (name, None)
    assert value in result.error.value
    assert run(context, "1 + 1").text == "2"


def test_many_contexts_start_no_threads_of_their_own(sandbox: Sandbox) -> None:
    sandbox.run_code("1")
    before = threading.active_count()
    for _ in range(20):
        run(sandbox.create_code_context(), "1")
    assert threading.active_count() <= before


# The host


def test_the_hosts_environment_is_not_the_guests(context: CodeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_SECRET", "secret")
    assert json_of(context, "import os; dict(os.environ)") == {
        "HOME": "/home/user",
        "TMPDIR": "/tmp",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp",
    }


def test_the_file_system_is_the_sandboxs_alone(context: CodeContext) -> None:
    found = json_of(
        context,
        "import os\n[os.path.exists(path) for path in "
        "('/proc', '/dev', '/etc', '/sys', '/root', '/bin', '/dev/null', '/etc/passwd', '/proc/self/environ')]",
    )
    assert found == [False] * 9
    assert json_of(context, "sorted(os.listdir('/'))") == ["home", "tmp", "usr", "workspace"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "/workspace/../../etc/passwd",
        "/usr/local/lib/../../../../etc/passwd",
        "//etc/passwd",
        "/usr/local/lib/python315.zip/matplotlib/mpl-data/../../../../../../../../etc/passwd",
        "/proc/self/cwd",
        "file:///etc/passwd",
        "\\\\?\\C:\\Windows",
        "C:/Windows",
    ],
)
def test_no_path_leads_to_the_hosts_files(context: CodeContext, path: str) -> None:
    result = run(context, f"open({path!r}, 'rb').read()")
    assert result.error is not None
    assert result.error.name in ("FileNotFoundError", "NotADirectoryError")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "/", "..", "/proc/self/root", "/workspace"])
def test_no_link_leads_to_the_hosts_files(context: CodeContext, target: str) -> None:
    code = f"import os\ntry: os.symlink({target!r}, 'link')\nexcept OSError: pass\n"
    result = run(context, code + "open('link/etc/passwd' if os.path.isdir('link') else 'link').read()")
    assert result.error is not None
    assert result.error.name in ("FileNotFoundError", "NotADirectoryError")


def test_no_descriptor_leads_to_the_hosts_files(context: CodeContext) -> None:
    """Those that a guest begins with, and any that it can guess; from each upwards, further than it could be deep."""
    code = """
import os
folders = [fd for fd in range(1000) if os.path.isdir(fd)]
reached = []
for fd in folders:
    for name in ("etc/passwd", "proc/self", "dev/null", "sys/kernel"):
        for levels in range(12):
            try: os.stat("../" * levels + name, dir_fd=fd)
            except OSError: continue
            reached.append((fd, levels, name))
[len(folders) > 0, reached]
"""
    assert json_of(context, code) == [True, []]


def test_the_read_only_files_cannot_be_changed(context: CodeContext, sandbox: Sandbox) -> None:
    code = """
import os
kernel = next(f"{folder}/{name}" for folder, _, names in os.walk("/usr") for name in names if name == "entry.py")
refused = []
for attack in (
    lambda: open(kernel, "w"), lambda: open(kernel, "r+"), lambda: os.remove(kernel),
    lambda: os.rename(kernel, "/tmp/x"), lambda: os.link("/workspace/mine", kernel + "2"),
    lambda: os.truncate(kernel, 0), lambda: os.utime(kernel, (0, 0)),
    lambda: os.symlink("x", kernel + "3"), lambda: os.mkdir("/usr/new"), lambda: os.rmdir("/usr/local"),
    lambda: os.rename("/workspace/mine", kernel), lambda: os.remove("/usr/local/lib/python315.zip"),
):
    try: attack()
    except OSError as error: refused.append(error.errno)
    else: refused.append(0)
refused
"""
    sandbox.files.write("mine", "x")
    refused = json_of(context, code)
    assert len(refused) == 12
    assert 0 not in refused
    assert sandbox.files.exists("mine")
    assert run(sandbox.create_code_context(), "import colorsys; 1 + 1").text == "2"


def test_nothing_of_the_host_is_told(context: CodeContext) -> None:
    told = run(
        context,
        """
import getpass, os, platform, sys
def answer(module, name):
    try: return str(getattr(module, name)())
    except Exception as error: return repr(error)
asked = {os: ["uname", "getlogin", "getpid"], platform: ["node", "platform", "processor"], getpass: ["getuser"]}
answers = [answer(module, name) for module, names in asked.items() for name in names]
answers + [sys.executable, sys.version, str(sys.path), str(sys.flags)]
""",
    ).text
    assert told is not None
    host = [os.uname().nodename, os.uname().release, sys.prefix, str(Path.home()), str(Path.cwd())]
    assert [each for each in host if len(each) > 3 and each in told] == []


def test_tracebacks_hold_no_paths_of_the_host(context: CodeContext) -> None:
    for code in ["1 / 0", "import nothing", "import json; json.loads('x')", "open('no')", "def f(: pass"]:
        error = run(context, code).error
        assert error is not None
        files = re.findall(r'File "([^"]*)"', "\n".join(error.traceback))
        assert [file for file in files if Path(file).exists()] == []


# Other contexts


def test_a_context_cannot_see_the_memory_of_another(sandbox: Sandbox) -> None:
    """One holds a secret, many times; another looks for it in all the fresh memory that it can get."""
    halves = secrets.token_hex(16), secrets.token_hex(16)  # put together in the guests, so that no request has it
    whole = f"needle = ('{halves[0]}' + '{halves[1]}').encode()\n"
    look = f"""
import numpy
{whole}
def count(sizes):
    blocks = []
    for size in sizes:
        try: blocks.append(numpy.empty(size, "u1"))
        except MemoryError: pass
    return sum(block.tobytes().count(needle) for block in blocks)
[count([1 << 24] * 20), count([1 << 20] * 50), count([1 << 16] * 200), count([1 << 12] * 500)]
"""
    held, looking = sandbox.create_code_context(), sandbox.create_code_context()
    run(held, f"{whole}copies = [needle * 1000 for _ in range(500)]")
    assert json_of(looking, look) == [0, 0, 0, 0]
    run(held, "del copies")
    # The same search does find it in the memory of the one that held it.
    assert sum(json_of(held, look)) > 1000


def test_memory_of_a_closed_context_comes_to_no_other(sandbox: Sandbox) -> None:
    count = "[sum(int((block == 0xA5).sum()) > 1 << 19 for block in blocks)]"
    with sandbox.create_code_context() as held:
        made = "import numpy\nblocks = [numpy.full(1 << 20, 0xA5, 'u1') for _ in range(50)]\n"
        assert json_of(held, made + count) == [50]
    with sandbox.create_code_context() as other:
        fresh = "import numpy\nblocks = [numpy.empty(1 << 20, 'u1') for _ in range(50)]\n"
        assert json_of(other, fresh + count) == [0]


def test_contexts_of_one_template_change_nothing_for_each_other(sandbox: Sandbox) -> None:
    """All are mapped from the same pages: what one writes into a module's own data, no other sees."""
    first, second = sandbox.create_code_context(), sandbox.create_code_context()
    run(second, "import json, numpy, sys")
    run(
        first,
        "import json, numpy, sys\n"
        "json.mark = numpy.mark = sys.mark = 'changed'; numpy.pi = 3; sys.modules['json'].dumps = None\n"
        "import builtins; builtins.mark = 1; sys.path.append('/changed')\n"
        "numpy.set_printoptions(precision=1); sys.setrecursionlimit(500)",
    )
    third = sandbox.create_code_context()
    with Sandbox() as other:
        for context in (second, third, other.create_code_context()):
            seen = json_of(
                context,
                "import builtins, json, numpy, sys\n"
                "[hasattr(each, 'mark') for each in (json, numpy, sys, builtins)] +"
                " [numpy.pi > 3.1, json.dumps([1]), '/changed' in sys.path, sys.getrecursionlimit()]",
            )
            assert seen == [False, False, False, False, True, "[1]", False, 1000]


def test_the_name_of_a_context_is_no_way_to_it(sandbox: Sandbox, context: CodeContext) -> None:
    """A guest knows neither the ids nor the number of other contexts."""
    other = sandbox.create_code_context()
    seen = run(context, "import sys, os\nstr(globals()) + str(os.environ) + str(sys.argv)").text
    assert seen is not None
    assert other.id not in seen
    assert context.id not in seen


def test_files_of_another_sandbox_cannot_be_named(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        other.files.write("/tmp/theirs", "x")
        other.run_code("f = open('/tmp/theirs')")
        code = """
import os
found = [name for _, _, names in os.walk("/") for name in names if "theirs" in name]
for fd in range(1000):
    try: found.append(os.read(fd, 1) == b"x" and fd)
    except OSError: pass
[each for each in found if each]
"""
        assert json_of(sandbox.create_code_context(), code) == []
