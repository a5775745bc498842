"""Five fixes tried from one state, and the best one kept: an agent's branches as forks of a context.

python examples/agent_branches.py
"""

from wasm_interp import CodeContext, Sandbox

SETUP = """
import numpy as np, pandas as pd
rng = np.random.default_rng(7)
x = np.linspace(0, 6, 200)
data = pd.DataFrame({"x": x, "y": 3 * np.sin(x) + rng.normal(0, 0.3, x.size)})
train, test = data.iloc[::2], data.iloc[1::2]
"""

# What a model proposed; the third does not even run.
FIXES = {
    "a line": "fit = np.polyfit(train.x, train.y, 1); predict = lambda x: np.polyval(fit, x)",
    "the mean": "predict = lambda x: np.full(len(x), train.y.mean())",
    "a typo": "fit = np.polyfit(train.x, train.z, 3)",
    "a cubic": "fit = np.polyfit(train.x, train.y, 3); predict = lambda x: np.polyval(fit, x)",
    "a sine": "s = np.sin(train.x); a = (s * train.y).sum() / (s * s).sum(); predict = lambda x: a * np.sin(x)",
}
SCORE = "float(np.sqrt(((predict(test.x) - test.y) ** 2).mean()))"


def attempt(state: CodeContext, fix: str) -> tuple[float, CodeContext] | None:
    """The error on the test data after ``fix``, and the branch in which it was made; None if it fails."""
    branch = state.fork()
    result = branch.run(f"{fix}\n{SCORE}")
    if result.error is not None or result.text is None:
        branch.close()
        return None
    return float(result.text), branch


def main() -> None:
    """Each branch starts with the data loaded, and none sees what another did."""
    with Sandbox() as sandbox:
        state = sandbox.create_code_context()
        state.run(SETUP)
        outcomes = {name: attempt(state, fix) for name, fix in FIXES.items()}
        for name, outcome in outcomes.items():
            print(f"{name:<8} {'failed' if outcome is None else f'{outcome[0]:.2f}'}")
        name, (_, best) = min(
            ((name, outcome) for name, outcome in outcomes.items() if outcome is not None),
            key=lambda named: named[1][0],
        )
        print(f"going on from {name}: {best.run('float(round(a, 1))').text}")


if __name__ == "__main__":
    main()
