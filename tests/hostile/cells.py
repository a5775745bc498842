"""What the tests of hostile cells have in common."""

from __future__ import annotations

from wasm_interp import CodeContext, ExecutionResult, StateAfterStop, StopKind

GENEROUS_SECONDS = 60.0


def run(context: CodeContext, code: str, timeout: float = GENEROUS_SECONDS) -> ExecutionResult:
    return context.run(code, timeout=timeout)


def error_of(result: ExecutionResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.name, result.error.value


def stop_of(result: ExecutionResult) -> tuple[StopKind, StateAfterStop]:
    assert result.stopped is not None, result
    return result.stopped.kind, result.stopped.state


def keeps_its_state(context: CodeContext) -> bool:
    """Whether what was there before the attack (``kept = 1``) still is."""
    return run(context, "1 + kept").text == "2"
