"""Random sessions, cut anywhere, resumed in another process: every later cell gives what it gives uninterrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.snapshots.resumer import Cell, run_cells
from wasm_interp import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="snapshots need memfd_create and pagemap")

ROOT = Path(__file__).resolve().parents[2]
CONTEXTS = 2
SETUP = """
import asyncio, collections, functools, io, itertools, json, os, random, re, sqlite3
import numpy as np, pandas as pd
random.seed(7); generator = np.random.default_rng(7)
numbers, counts, text = [0], collections.Counter(), io.StringIO()
walk = itertools.accumulate(itertools.count())
def echo():
    got = None
    while True:
        got = yield got
said = echo(); next(said)
database = sqlite3.connect(":memory:"); database.execute("create table t (n integer)")
class Tree:
    def __init__(self): self.children = []
tree = Tree(); tree.self = tree
@functools.cache
def slow(n): print("reckoned", n); return n * n
tasks = []
async def later(n):
    await asyncio.sleep(0)
    numbers.append(n)
    return n
array = np.zeros(1 << 18)
"""
CELLS = [
    "numbers.append(len(numbers)); numbers[-3:]",
    "numbers = sorted(numbers, reverse=True)[:50]; sum(numbers)",
    "counts.update(str({n})); counts.most_common(2)",
    "text.write('line {n};'); len(text.getvalue())",
    "next(walk), next(walk)",
    "said.send({n})",
    "random.random(), random.choice(range(1000)), generator.integers(1000)",
    "database.execute('insert into t values ({n})'); database.execute('select count(*), sum(n) from t').fetchall()",
    "tree.children.append(Tree()); tree.self.children is tree.children, len(tree.children)",
    "slow({n} % 5)",
    "tasks.append(asyncio.create_task(later({n}))); len(tasks)",
    "[await task for task in tasks]; tasks.clear(); numbers[-1]",
    "array[{n}::97] += {n}; float(array.sum())",
    "array = np.concatenate([array, array[:1000]]); array.size",
    "frame = pd.DataFrame({{'a': range({n}), 'b': 'x'}}); frame.groupby('b').a.sum().to_dict()",
    "with open('log', 'a') as log: log.write('{n}\\n')\nopen('log').read()[-20:]",
    "kept = open('kept{n}', 'w+'); kept.write('begun'); kept.tell()",
    "kept.write('more'); kept.seek(0); kept.read()",
    "os.makedirs('d{n}/e', exist_ok=True); sorted(os.listdir())",
    "os.rename('log', 'log{n}'); sorted(os.listdir())",
    "os.remove(sorted(name for name in os.listdir() if '.' not in name and os.path.isfile(name))[0])",
    "os.environ['V{n}'] = '{n}'; sorted(name for name in os.environ if name.startswith('V'))",
    "os.chdir('/tmp' if {n} % 2 else '/workspace'); os.getcwd()",
    "re.sub('[0-5]', '-', '{n}' * 5), json.dumps(counts, sort_keys=True)",
    "1 / ({n} % 2)",
    "def made_{n}(): return made_{n}.__name__ + str({n})\nmade_{n}()",
    "del numbers[{n}:]; numbers",
    "print('out', {n}); _",
]
cells = st.builds(
    lambda number, code, n: (number, code.format(n=n)),
    st.integers(0, CONTEXTS - 1),
    st.sampled_from(CELLS),
    st.integers(0, 30),
)
Resume = Callable[[bytes, list[Cell]], object]


@pytest.fixture(scope="module")
def resume_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resume]:
    """Runs cells in a snapshot in another process."""
    path = tmp_path_factory.mktemp("snapshots") / "snapshot"
    command = [sys.executable, "-m", "tests.snapshots.resumer"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def resume(snapshot: bytes, later: list[Cell]) -> object:
            path.write_bytes(snapshot)
            print(json.dumps([str(path), later]), file=asked, flush=True)
            return json.loads(answered.readline())

        yield resume
        asked.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.lists(cells, max_size=12), later=st.lists(cells, min_size=1, max_size=8))
def test_a_session_cut_anywhere_goes_on_elsewhere(
    resume_elsewhere: Resume, before: list[Cell], later: list[Cell]
) -> None:
    with Sandbox() as sandbox:
        for _ in range(CONTEXTS):
            assert sandbox.create_code_context().run(SETUP).error is None
        run_cells(sandbox, before)
        snapshot = sandbox.snapshot().to_bytes()
        with sandbox.fork() as fork:
            expected = json.loads(json.dumps(run_cells(sandbox, later)))
            assert resume_elsewhere(snapshot, later) == expected
            assert json.loads(json.dumps(run_cells(fork, later))) == expected
