"""A tool for an agent: it runs the Python that a model writes, and tells the model what happened.

The model here is a script of three turns, so that the example needs no network and no key. The third turn
repairs what the second one got wrong, as a model does when it is shown the traceback.

python examples/ai_agent_tool.py
"""

from dataclasses import dataclass, field

from wasm_interp import ExecutionResult, Sandbox

MAX_CHARACTERS = 2000  # of one answer to the model

MODEL_TURNS = [
    "import pandas as pd\nvisits = pd.read_csv('visits.csv')\nvisits.describe().round(1)",
    "visits.groupby('weekday').visit.mean()",
    "by_day = visits.groupby('weekday').visits.mean()\nby_day.plot.bar(title='Visits')\nby_day.idxmax()",
]
VISITS = "weekday,visits\n" + "".join(
    f"{day},{100 + 7 * i + 40 * (day == 'Sat')}\n" for i in range(4) for day in ("Mon", "Wed", "Fri", "Sat")
)
SCHEMA = {  # as most models want a tool described
    "name": "python",
    "description": "Run Python (numpy, pandas, matplotlib, scikit-learn). State is kept between calls. No network.",
    "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
}


@dataclass
class PythonTool:
    """One conversation's interpreter: what one call defines, the next one sees."""

    sandbox: Sandbox
    timeout: float = 10.0
    images: list[bytes] = field(default_factory=list)  # PNG, for the user; a model that sees may get them too

    def __call__(self, code: str) -> str:
        """Run the code; what the model is to read of it."""
        result = self.sandbox.run_code(code, timeout=self.timeout)
        self.images += [shown.png_bytes for shown in result.results if shown.png_bytes]
        return shortened("\n".join(report(result)) or "(no output)")


def report(result: ExecutionResult) -> list[str]:
    """Output, results and error as plain text."""
    parts = [result.stdout.rstrip(), result.stderr.rstrip()]
    parts += [f"[an image: {shown.text}]" if shown.png else str(shown) for shown in result.results]
    if result.error is not None:
        parts.append(str(result.error))
    return [part for part in parts if part]


def shortened(text: str) -> str:
    """The beginning and the end: the last line of a traceback says most."""
    if len(text) <= MAX_CHARACTERS:
        return text
    half = MAX_CHARACTERS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def main() -> None:
    """Play the conversation."""
    with Sandbox() as sandbox:
        sandbox.files.write("visits.csv", VISITS)
        tool = PythonTool(sandbox)
        for code in MODEL_TURNS:
            print(f"--- the model calls python\n{code}\n--- and reads\n{tool(code)}\n")
        print(f"{len(tool.images)} image for the user, {len(tool.images[0]) // 1024} KiB")


if __name__ == "__main__":
    main()
