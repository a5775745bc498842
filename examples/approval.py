"""A program that waits for a person: put away while it does, and gone on with in another process.

An agent's program wants to pay three bills. What is above a limit is not for the program to decide: it awaits the
host. Nothing runs while nobody has answered; the sandbox is a file. Then a fork shows what a refusal would lead to,
before the person decides.

python examples/approval.py [FILE]
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from wasm_interp import Sandbox, Snapshot

KEY = b"kept where only this program can read it"

PAY = """
bills = {"paper": 40, "printer": 900, "ink": 60}
paid = []
for item, amount in bills.items():
    if amount > 500 and not await host.request("approve", {"item": item, "amount": amount}):
        continue
    paid.append(item)
f"paid: {', '.join(paid)} ({sum(bills[item] for item in paid)})"
"""


def ask(path: Path) -> None:
    """Run until the program waits, and put it away."""
    with Sandbox() as sandbox:
        result = sandbox.run_code(PAY)
        (request,) = result.waiting
        print(f"{result.stopped.kind} for {request.name}: {request.payload}")
        path.write_bytes(sandbox.snapshot().to_bytes(key=KEY))


def decide(path: Path) -> None:
    """Later, elsewhere: look at both ways, and take one."""
    with Sandbox.from_snapshot(Snapshot.from_bytes(path.read_bytes(), key=KEY)) as sandbox:
        (context,) = sandbox.list_code_contexts()
        (request,) = context.waiting
        with context.fork() as trial:
            print("if refused,", trial.resume({request.id: False}).text)
        print("approved,", context.resume({request.id: True}).text)


def main() -> None:
    """Without a file, both halves, each in a process of its own."""
    if len(sys.argv) > 1:
        decide(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "waiting.snapshot"
        ask(path)
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, str(path)], check=True)


if __name__ == "__main__":
    main()
