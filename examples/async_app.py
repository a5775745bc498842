"""An asyncio application: many users at once, output as it comes, and a run that is cancelled.

python examples/async_app.py
"""

import asyncio

from wasm_interp import AsyncSandbox

USERS = {
    "ada": "[n for n in range(2, 30) if all(n % d for d in range(2, n))]",
    "bo": "'bo'.center(10, '*')",
    "cy": "1/0",
}


async def answer(name: str, code: str) -> str:
    """One user's request, in a sandbox of the user's own."""
    async with AsyncSandbox() as sandbox:
        result = await sandbox.run_code(code, timeout=5.0)
    return f"{name}: {result.error.name if result.error else result.text}"


async def stream() -> None:
    """Print the output of a cell while it runs."""
    async with AsyncSandbox() as sandbox:
        code = "import time\nfor step in range(3):\n    print('step', step)\n    time.sleep(0.05)"
        await sandbox.run_code(code, on_stdout=lambda text: print("out:", text, end=""))


async def cancel() -> str | None:
    """Give up on a cell; what was there before it is still there."""
    async with AsyncSandbox() as sandbox:
        await sandbox.run_code("kept = 'still here'")
        try:
            async with asyncio.timeout(0.2):
                await sandbox.run_code("while True: pass")
        except TimeoutError:
            print("gave up on an endless loop")
        return (await sandbox.run_code("kept")).text


async def main() -> None:
    """All of it."""
    for line in await asyncio.gather(*(answer(name, code) for name, code in USERS.items())):
        print(line)
    await stream()
    print(await cancel())


if __name__ == "__main__":
    asyncio.run(main())
