"""A session put away and taken up again in another process: variables, open files and half-run generators.

python examples/resume_tomorrow.py [FILE]
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from wasm_interp import Sandbox, Snapshot

KEY = b"kept where only this program can read it"  # with a key, a snapshot that somebody altered is refused

TODAY = """
import pandas as pd
def pages():
    for number in range(1, 4):
        yield f"page {number}"
reading = pages()
log = open("log.txt", "w+")
seen = pd.DataFrame({"page": [next(reading)]})
log.write("read page 1\\n")
"""
TOMORROW = """
seen.loc[len(seen)] = next(reading)
log.write("read page 2\\n")
log.seek(0)
print(log.read(), end="")
seen.page.tolist()
"""


def today(path: Path) -> None:
    """Begin, and put everything away."""
    with Sandbox() as sandbox:
        sandbox.run_code(TODAY)
        path.write_bytes(sandbox.snapshot().to_bytes(key=KEY))
    print(f"put away: {'less' if path.stat().st_size < 200_000 else 'more'} than 200 KB")


def tomorrow(path: Path) -> None:
    """Go on as if nothing had been."""
    with Sandbox.from_snapshot(Snapshot.from_bytes(path.read_bytes(), key=KEY)) as sandbox:
        result = sandbox.run_code(TOMORROW)
    print(result.stdout, end="")
    print(result.text, f"(run {result.execution_count})")


def main() -> None:
    """Without a file, both days, each in a process of its own."""
    if len(sys.argv) > 1:
        tomorrow(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.snapshot"
        today(path)
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, str(path)], check=True)


if __name__ == "__main__":
    main()
