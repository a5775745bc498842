"""Random sequences of calls, compared with wasmtime as the scenarios are.

Only calls and arguments without a known difference are drawn, so that any difference is a new one.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance import steps
from tests.conformance.machines import Ours, Reference
from tests.conformance.steps import BOTH, READ, WRITE, Scenario, Step, play
from wasm_interp._core.wasi.abi import FdFlags, OpenFlags, SetTimes, Whence

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.one_of(NAMES, st.builds("{}/{}".format, NAMES, NAMES), st.builds("{}/".format, NAMES))
PLAIN_PATHS = st.one_of(NAMES, st.builds("{}/{}".format, NAMES, NAMES))
DESCRIPTORS = st.sampled_from(["one", "two", "three"])
OFFSETS = st.integers(0, 40)
DATA = st.binary(max_size=20)
DIRECTORY = OpenFlags.DIRECTORY
# Of the flags together with DIRECTORY only CREATE is answered alike (differences.py).
OPEN_FLAGS = st.one_of(st.integers(0, 15).filter(lambda flags: not flags & DIRECTORY), st.sampled_from([2, 3]))


def _open(path: str, flags: int, rights: int, name: str, append: bool, follow: bool) -> Step:
    follow = follow or flags == DIRECTORY
    if flags & OpenFlags.CREATE or flags & OpenFlags.TRUNCATE:
        rights |= WRITE
    return steps.open_(path, rights, flags, name=name, flags=FdFlags.APPEND * append, follow=follow)


def _on_descriptor(step: Step, name: str) -> Step:
    """The step, unless the descriptor is of a directory, where the two sides differ."""

    def guarded(session: steps.Session) -> steps.Outcome:
        kind = steps.fdstat(name)(session)
        return step(session) if kind[0] != "SUCCESS" or kind[1] == 4 else ("a directory",)

    return guarded


def _on_two_paths(make: Callable[[str, str], Step], first: str, second: str) -> Step:
    """The step; if it fails only that it does, since both paths may be wrong, and either may be looked at first."""
    step = make(first, second)

    def lenient(session: steps.Session) -> steps.Outcome:
        outcome = step(session)
        return outcome if outcome[0] == "SUCCESS" else ("refused",)

    return lenient


def _file_step(make: Callable[..., Step], *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.tuples(DESCRIPTORS, *arguments).map(lambda drawn: _on_descriptor(make(*drawn), drawn[0]))


_TIMES = st.sampled_from([0, 1_000_000_001, 2_000_000_002])
FILE_STEPS = st.one_of(
    _file_step(lambda fd, size: steps.read(fd, size), OFFSETS),
    _file_step(lambda fd, size, at: steps.read(fd, size, at=at), OFFSETS, OFFSETS),
    _file_step(lambda fd, data: steps.write(fd, data), DATA),
    _file_step(lambda fd, data, at: steps.write(fd, data, at=at), DATA, OFFSETS),
    _file_step(steps.seek, st.integers(-40, 40), st.sampled_from(Whence)),
    _file_step(steps.tell),
    _file_step(steps.resize, OFFSETS),
    _file_step(steps.set_flags, st.sampled_from([0, FdFlags.APPEND])),
    _file_step(lambda fd, atime: steps.fset_times(fd, atime, 5, SetTimes.ATIME | SetTimes.MTIME), _TIMES),
    _file_step(steps.sync),
)
PATH_STEPS = st.one_of(
    st.builds(
        _open, PATHS, OPEN_FLAGS, st.sampled_from([READ, WRITE, BOTH]), DESCRIPTORS, st.booleans(), st.booleans()
    ),
    st.builds(steps.close, DESCRIPTORS),
    st.builds(steps.fstat, DESCRIPTORS),
    st.builds(steps.renumber, DESCRIPTORS, DESCRIPTORS),
    st.builds(steps.mkdir, PATHS),
    st.builds(steps.rmdir, PLAIN_PATHS),
    st.builds(steps.unlink, PLAIN_PATHS),
    st.builds(_on_two_paths, st.sampled_from([steps.rename, steps.link]), PLAIN_PATHS, PLAIN_PATHS),
    st.builds(steps.symlink, PLAIN_PATHS, PLAIN_PATHS),
    st.builds(steps.readlink, PLAIN_PATHS),
    st.builds(lambda path, follow: steps.stat(path, follow=follow), PATHS, st.booleans()),
    st.builds(lambda path: steps.set_times(path, 1_000, 2_000, 5), PLAIN_PATHS),
)
# What is there in the end.
OUTCOME: Scenario = [
    steps.open_(".", READ, DIRECTORY, name="root"),
    steps.listing("root"),
    steps.listing("root", 60),
    *(step for name in "abc" for step in (steps.stat(name), steps.stat(name, follow=False), steps.readlink(name))),
    *(
        step
        for name in "abc"
        for step in (steps.open_(name, READ, name="last"), _on_descriptor(steps.read("last", 200), "last"))
    ),
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(FILE_STEPS, PATH_STEPS, PATH_STEPS), min_size=1, max_size=30))
def test_any_sequence_of_calls_is_answered_alike(sequence: Scenario) -> None:
    scenario = [*sequence, *OUTCOME]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as beside:
        ours, reference = Ours(), Reference(Path(folder), Path(beside))
        seen, expected = play(ours, scenario), play(reference, scenario)
        ours.close()
        reference.close()
    assert seen == expected
