"""A checkpoint is gone back to exactly, any number of times, in the context that it is of."""

from __future__ import annotations

import sys

import pytest

from tests.snapshots.arena_use import bytes_in_use, mappings_left
from tests.snapshots.test_fork import text, wait_inside
from wasm_interp import Checkpoint, CodeContext, ContextClosed, Sandbox, UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="checkpoints need memfd_create and pagemap")


def test_a_rollback_brings_everything_back_but_files(context: CodeContext) -> None:
    context.run("x = 1; g = iter(range(9)); next(g); big = bytearray(4 << 20); f = open('log', 'w+'); f.write('abc')")
    with context.checkpoint() as checkpoint:
        for _ in range(3):
            context.run("x = 2; y = 3; list(g); big[:] = b'x' * len(big); open('other', 'w').write('kept')")
            context.rollback(checkpoint)
            assert text(context, "x, 'y' in globals(), next(g), big[0], f.tell()") == "(1, False, 1, 0, 3)"
            assert text(context, "open('other').read()") == "'kept'"


def test_counts_go_back(context: CodeContext) -> None:
    context.run("1")
    checkpoint = context.checkpoint()
    assert (checkpoint.execution_count, checkpoint.context_id) == (1, context.id)
    assert repr(checkpoint) == f"<Checkpoint of {context.id} after 1 runs>"
    assert context.run("1").execution_count == 2
    context.rollback(checkpoint)
    assert context.run("1").execution_count == 2
    checkpoint.close()
    assert repr(checkpoint) == f"<Checkpoint of {context.id} after 1 runs, closed>"


def test_seeded_and_unseeded_draws_repeat_after_a_rollback(context: CodeContext) -> None:
    context.run("import random; random.random()")
    with context.checkpoint() as checkpoint:
        first = text(context, "random.random()")
        context.rollback(checkpoint)
        assert text(context, "random.random()") == first


def test_a_fork_rolled_back_to_before_its_first_run_gets_fresh_entropy(context: CodeContext) -> None:
    context.run("import random; random.random()")
    fork = context.fork()
    with fork.checkpoint() as checkpoint:
        drawn = {text(context, "random.random()"), text(fork, "random.random()")}
        fork.rollback(checkpoint)
        drawn.add(text(fork, "random.random()"))
    assert len(drawn) == 3


def test_a_checkpoint_before_the_first_run(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(cwd="/tmp/here")
    with context.checkpoint() as checkpoint:
        context.run("x = 1")
        context.rollback(checkpoint)
        assert text(context, "import os; os.getcwd(), 'x' in globals()") == "('/tmp/here', False)"


def test_any_number_of_checkpoints_in_any_order(context: CodeContext) -> None:
    checkpoints = []
    for n in range(12):
        context.run(f"n = {n}; part = bytearray(b'{n % 10}') * (1 << 20)")
        checkpoints.append(context.checkpoint())
    for n in (3, 11, 0, 7, 7, 3):
        context.rollback(checkpoints[n])
        assert text(context, "n, chr(part[0]), chr(part[-1])") == f"({n}, '{n % 10}', '{n % 10}')"
    for checkpoint in checkpoints:
        checkpoint.close()


def test_a_checkpoint_keeps_open_what_it_had_open(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("import os; f = open('gone', 'w+'); f.write('x' * 100); f.flush()")
    with context.checkpoint() as checkpoint:
        context.run("f.close(); os.remove('gone')")
        context.run("1")
        context.rollback(checkpoint)
        assert text(context, "f.seek(0); len(f.read())") == "100"
    context.run("f.close()")
    context.run("1")
    assert sandbox._fs.usage().bytes == 0


def test_a_crash_after_a_rollback_comes_back_to_before_the_run(context: CodeContext) -> None:
    context.run("x = 1")
    with context.checkpoint() as checkpoint:
        context.run("x = 2")
        context.rollback(checkpoint)
        assert context.run("x = 3; import os; os.abort()").stopped is not None
        assert text(context, "x") == "1"
        context.run("x = 4")
        assert context.run("import os; os.abort()").stopped is not None
        assert text(context, "x") == "4"


def test_a_rollback_after_a_hard_stop(context: CodeContext) -> None:
    context.run("x = 1")
    with context.checkpoint() as checkpoint:
        context.run("x = 2")
        context.run("sum(range(10**12))", timeout=0.05)
        context.rollback(checkpoint)
        assert text(context, "x") == "1"


def test_a_fork_does_not_disturb_a_checkpoint(context: CodeContext) -> None:
    context.run("x = 1")
    with context.checkpoint() as checkpoint:
        context.run("x = 2")
        fork = context.fork()
        context.rollback(checkpoint)
        assert (text(context, "x"), text(fork, "x")) == ("1", "2")


def test_a_checkpoint_of_another_context_is_refused(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    context.run("x = 1")
    with context.checkpoint() as checkpoint:
        message = f"^the checkpoint is of another context \\({context.id}\\), not of this {other.id}$"
        with pytest.raises(UsageError, match=message):
            other.rollback(checkpoint)
        with pytest.raises(UsageError, match="another context"):
            context.fork().rollback(checkpoint)


def test_a_checkpoint_of_the_same_context_in_another_sandbox_is_refused(sandbox: Sandbox, context: CodeContext) -> None:
    """It has the same id; but the files that the checkpoint has open are not there."""
    context.run("f = open('log', 'w')")
    with sandbox.fork() as twin, context.checkpoint() as checkpoint:
        (there,) = twin.list_code_contexts()
        assert there.id == context.id
        with pytest.raises(UsageError, match="another context"):
            there.rollback(checkpoint)


def test_what_is_no_checkpoint_is_refused(context: CodeContext) -> None:
    with pytest.raises(UsageError, match=r"^checkpoint must be a Checkpoint, not str$"):
        context.rollback("before")  # type: ignore[arg-type]


def test_a_closed_checkpoint_is_refused(context: CodeContext) -> None:
    context.run("x = 1")
    checkpoint = context.checkpoint()
    checkpoint.close()
    checkpoint.close()
    context.run("x = 2")
    with pytest.raises(UsageError, match=r"^the checkpoint is closed$"):
        context.rollback(checkpoint)
    assert text(context, "x") == "2"


def test_a_closed_context_is_refused(context: CodeContext) -> None:
    checkpoint = context.checkpoint()
    context.close()
    with pytest.raises(ContextClosed, match=f"^context {context.id} is closed$"):
        context.rollback(checkpoint)
    with pytest.raises(ContextClosed):
        context.checkpoint()
    checkpoint.close()


def test_in_a_callback_of_its_own_context_it_is_refused(context: CodeContext) -> None:
    checkpoint = context.checkpoint()
    for call in (context.checkpoint, lambda: context.rollback(checkpoint)):
        with pytest.raises(UsageError, match=r"^a callback cannot wait for its own context"):
            context.run("print(1)", on_stdout=lambda _, call=call: call() and None)  # type: ignore[misc]
    checkpoint.close()


def test_a_checkpoint_waits_for_the_run_that_is_going_on(sandbox: Sandbox, context: CodeContext) -> None:
    run, let_go = wait_inside(context, sandbox, "x = 'done'")
    let_go()
    with context.checkpoint() as checkpoint:
        run.join()
        context.run("x = 0")
        context.rollback(checkpoint)
        assert text(context, "x") == "'done'"


def test_the_memory_is_given_back_when_all_is_closed(sandbox: Sandbox) -> None:
    before = bytes_in_use(), mappings_left()
    context = sandbox.create_code_context()
    checkpoints: list[Checkpoint] = []
    for n in range(12):
        context.run(f"part = bytearray(b'{n % 10}') * (2 << 20)")
        checkpoints.append(context.checkpoint())
    context.rollback(checkpoints[2])
    context.run("part[::4096] = b'z' * (len(part) // 4096)")
    for checkpoint in checkpoints:
        checkpoint.close()
    assert text(context, "chr(part[0]), chr(part[1])") == "('z', '2')"
    context.close()
    assert (bytes_in_use(), mappings_left()) == before
