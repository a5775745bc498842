"""Evaluate expressions that strangers send, each in a sandbox of its own and within limits.

python examples/evaluate_untrusted.py
"""

from wasm_interp import Limits, Sandbox

MIB = 1 << 20
LIMITS = Limits(memory_bytes=512 * MIB, output_bytes=64 * 1024, file_bytes=MIB, file_count=100)
TIMEOUT = 1.0  # seconds

EXPRESSIONS = [
    "sum(n * n for n in range(1000))",
    "sorted({'b': 2, 'a': 1}.items())",
    "__import__('numpy').linalg.det([[2, 1], [1, 3]]).round(6)",
    "open('/etc/passwd').read()",
    "__import__('socket').create_connection(('example.org', 80))",
    "__import__('os').environ.get('PATH')",
    "'x' * 10**9",
    "print('spam' * 10**6)",
    "open('big', 'wb').write(bytes(10**7))",
    "sum(range(10**12))",
    "1 +",
]


def evaluate(expression: str) -> str:
    """What it gives, or what became of it; never raises for what a program does."""
    with Sandbox(limits=LIMITS) as sandbox:
        result = sandbox.run_code(expression, timeout=TIMEOUT)
    if result.error is not None:
        return f"{result.error.name}: {result.error.value}"
    return "(output was cut)" if result.truncated else str(result.text)


def shortened(text: str, length: int = 70) -> str:
    """One line of a table."""
    line = text.replace("\n", " ")
    return line if len(line) <= length else line[: length - 3] + "..."


if __name__ == "__main__":
    for each in EXPRESSIONS:
        print(shortened(each, 60))
        print("   ", shortened(evaluate(each)))
