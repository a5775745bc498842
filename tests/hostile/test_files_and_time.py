"""Floods of names and descriptors, paths that lead nowhere, and the side doors of time and entropy, from cells."""

from __future__ import annotations

import threading

import pytest

from tests.hostile.cells import error_of, run
from wasm_interp import CodeContext, Sandbox

REFUSED = {
    "a name of 64 KiB": ("open('x' * 65_536, 'w')", "OSError"),
    "a folder of 64 KiB": ("open('x' * 65_536 + '/y')", "OSError"),
    "a path of many short names": ("open('a/' * 40_000)", "OSError"),
    "a name with NUL": ("open('a\\0b')", "ValueError"),
    "a name that is no UTF-8": ("import os; os.mkdir(b'\\xff\\xfe')", "OSError"),
    "half a pair": ("open('\\ud800', 'w')", "UnicodeEncodeError"),
    "an empty name": ("open('')", "IsADirectoryError"),  # as wasi-libc has it: the folder it stands in
    "a file with a slash": ("open('f', 'w').close(); open('f/')", "NotADirectoryError"),
    "a folder with a slash": ("import os; os.mkdir('d'); open('d/', 'w')", "IsADirectoryError"),
    "a link to itself": ("import os; os.symlink('l', 'l'); open('l')", "OSError"),
    "links in a circle": ("import os; os.symlink('b', 'a'); os.symlink('a', 'b'); os.stat('a')", "OSError"),
    "links without end": ("import os; os.symlink('.', 'x'); os.stat('x/' * 50)", "OSError"),
    "a link of more than a path": ("import os; os.symlink('x' * 5_000, 'l')", "OSError"),
    "a folder in itself": ("import os; os.mkdir('a'); os.rename('a', 'a/b')", "OSError"),
    "no root": ("import os; os.rmdir('/')", "OSError"),
    "a folder that is not empty": ("import os; os.mkdir('d'); os.rmdir('/workspace')", "OSError"),
    "copies of descriptors": ("import os; os.dup(1)", "OSError"),
    "a descriptor that is too large": ("import os; os.dup2(1, 2**31 - 1)", "OSError"),
    "a pipe": ("import os; os.pipe()", "AttributeError"),
    "the root's descriptor": ("import os; os.close(3)", "OSError"),
    "reading what is for writing": ("import os; os.read(1, 1)", "OSError"),
    "writing what is for reading": ("import os; os.write(0, b'x')", "OSError"),
    "a wait for what is not open": ("import select; select.select(list(range(300)), [], [])", "OSError"),
    "a wait for too much": (
        "import select; x = select.poll()\nfor n in range(2_000): x.register(n)\nx.poll(100)",
        "OSError",
    ),
    "folders open without end": ("import os\nx = []\nwhile True: x.append(os.open('/', os.O_RDONLY))", "OSError"),
    "temporary files without end": (
        "import tempfile\nx = []\nwhile True: x.append(tempfile.TemporaryFile())",
        "OSError",
    ),
    "names without end": ("import os\nn = 0\nwhile True: os.symlink('x', str(n)); n += 1", "OSError"),
    "hard links without end": (
        "import os\nopen('f', 'w').close(); n = 0\nwhile True: os.link('f', str(n)); n += 1",
        "OSError",
    ),
    "a sleep of no length": ("import time; time.sleep(float('nan'))", "ValueError"),
    "a sleep that goes back": ("import time; time.sleep(-1)", "ValueError"),
    "a sleep beyond all time": ("import time; time.sleep(1e300)", "OverflowError"),
    "entropy for all of memory": ("import secrets; secrets.token_bytes(2**31)", "OverflowError"),
    "a date beyond all time": ("import time; time.localtime(2**62)", "OSError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_leads_nowhere_is_an_error(attacked: CodeContext, name: str) -> None:
    code, error = REFUSED[name]
    result = run(attacked, code)
    assert (error_of(result)[0], result.stopped) == (error, None)
    run(attacked, "x = None; import os, shutil; os.chdir('/tmp'); shutil.rmtree('/workspace', ignore_errors=True)")


def test_folders_deeper_than_any_path_are_listed_and_removed_by_the_host(
    attacked: CodeContext, sandbox: Sandbox
) -> None:
    made = sandbox.create_code_context()
    code = (
        "import os\nhere = os.open('/workspace', os.O_RDONLY)\nfor _ in range(5_000):\n"
        "    os.mkdir('d', dir_fd=here); below = os.open('d', os.O_RDONLY, dir_fd=here); os.close(here); here = below\n"
        "os.close(here)"
    )
    assert run(made, code).error is None
    assert len(sandbox.files.list(recursive=True)) > 1_000
    sandbox.fork().close()
    sandbox.files.remove("/workspace/d", recursive=True)
    assert sandbox.files.list() == []


def test_two_contexts_that_write_at_once_do_not_pass_the_quota_of_their_sandbox(attacked: CodeContext) -> None:
    limit = 20 << 20
    with Sandbox(limits=attacked._kernel.limits) as sandbox:
        racers = [sandbox.create_code_context() for _ in range(2)]
        code = (
            "import os\nrefused = 0\nfor n in range(60):\n    try:\n"
            "        with open(f'{name}{n % 3}', 'wb', 0) as file:\n"
            "            for _ in range(5): file.write(bytes(1 << 20))\n    except OSError: refused += 1\n"
            "    if n % 7 == 0: os.remove(f'{name}{n % 3}')\nrefused"
        )
        texts: list[str | None] = []
        most: list[int] = []

        def race(number: int) -> None:
            texts.append(run(racers[number], f"name = 'own{number}'\n{code}").text)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            most.append(sandbox._fs.usage().bytes)
        assert all(text is not None and int(text) > 0 for text in texts)
        assert 0 < max(most) <= limit
        sandbox.files.remove("/workspace", recursive=True)
        assert sandbox._fs.usage().bytes == 0


def test_clocks_tell_only_the_time_and_entropy_is_each_contexts_own(attacked: CodeContext, sandbox: Sandbox) -> None:
    code = (
        "import os, random, secrets, time, uuid, numpy\n"
        "clocks = [time.clock_gettime(n) for n in range(4)]\n"
        "[secrets.token_hex(), os.urandom(8).hex(), random.random(), float(numpy.random.rand()), str(uuid.uuid4()),"
        " str(uuid.uuid1()), uuid.getnode(), hash('text')]"
    )
    first, second = (run(each, code).results[-1].json for each in (attacked, sandbox.create_code_context()))
    differing = [one != other for one, other in zip(first, second, strict=True)]
    assert differing[:6] == [True] * 6
    assert first[6] >> 40 & 1  # a random node, not the address of a network card
