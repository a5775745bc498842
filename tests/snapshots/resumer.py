"""Another process, which resumes what it is sent and runs cells in it: python -m tests.snapshots.resumer.

Each line in is JSON: the snapshot's path, and the cells with their contexts; each line out is their outcomes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from wasm_interp import ExecutionResult, Sandbox, Snapshot

Cell = tuple[int, str]  # the context's number, the code


def outcome(result: ExecutionResult) -> list[object]:
    """All of a result that must be the same again."""
    error = None if result.error is None else [result.error.name, result.error.value, result.error.traceback]
    return [result.execution_count, result.stdout, result.stderr, result.text, error]


def run_cells(sandbox: Sandbox, cells: list[Cell]) -> list[list[object]]:
    """Outcomes of the cells, in order."""
    contexts = sandbox.list_code_contexts()
    return [outcome(contexts[number].run(code)) for number, code in cells]


def main() -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        path, cells = json.loads(line)
        with Sandbox.from_snapshot(Snapshot.from_bytes(Path(path).read_bytes())) as sandbox:
            print(json.dumps(run_cells(sandbox, cells)), flush=True)


if __name__ == "__main__":
    main()
