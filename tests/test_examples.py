"""The examples run as they stand, and give what their texts say."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(*arguments: str) -> str:
    """What a Python process prints, warnings being errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def main_job(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the README's first command prints, and the folder that it fills."""
    out = tmp_path_factory.mktemp("main") / "out"
    command = ["-m", "wasm_interp", "run", "examples/sales_report.py", "--file", "examples/sales.csv", "--output"]
    return run(*command, str(out)), out


def test_the_main_job_prints_tables_and_takes_its_files_out(main_job: tuple[str, Path]) -> None:
    printed, out = main_job
    assert "5625 rows read; dropped: 25 entered twice, 24 without a price" in printed
    assert sorted(path.name for path in out.iterdir()) == ["report.csv", "report.md", "revenue.png"]
    assert (out / "revenue.png").read_bytes().startswith(b"\x89PNG")
    assert "| Beans 1 kg       | 609,201.50 |" in (out / "report.md").read_text("utf-8")


def test_the_main_job_adds_up(main_job: tuple[str, Path]) -> None:
    _, out = main_job
    with (EXAMPLES / "sales.csv").open(encoding="utf-8", newline="") as file:
        orders = {row["order"]: row for row in csv.DictReader(file) if row["unit_price"]}
    expected: dict[str, float] = {}
    for row in orders.values():
        month = row["date"][:7]
        expected[month] = expected.get(month, 0.0) + int(row["units"]) * float(row["unit_price"])
    with (out / "report.csv").open(encoding="utf-8", newline="") as file:
        reported = {row["month"]: float(row["Total"]) for row in csv.DictReader(file)}
    assert reported == pytest.approx(expected)


def test_the_sales_are_what_their_script_makes(tmp_path: Path) -> None:
    script = tmp_path / "make_sales.py"
    script.write_bytes((EXAMPLES / "make_sales.py").read_bytes())
    run(str(script))
    assert (tmp_path / "sales.csv").read_bytes() == (EXAMPLES / "sales.csv").read_bytes()


def test_untrusted_expressions_get_an_answer_each() -> None:
    lines = run("examples/evaluate_untrusted.py").splitlines()
    answers = [line.strip() for line in lines[1::2]]
    assert answers[0] == "332833500"
    assert [answer.partition(":")[0] for answer in answers[3:]] == [
        *("FileNotFoundError", "OSError", "None", "MemoryError"),
        *("(output was cut)", "OSError", "TimeoutError", "SyntaxError"),
    ]


def test_the_agent_tool_shows_results_images_and_tracebacks() -> None:
    printed = run("examples/ai_agent_tool.py")
    assert "mean    120.5" in printed
    assert "AttributeError: 'DataFrameGroupBy' object has no attribute 'visit'" in printed
    assert "[an image: <Figure" in printed
    assert "'Sat'" in printed
    assert "1 image for the user" in printed


def test_two_contexts_agree_at_once_and_in_turn() -> None:
    assert run("examples/parallel.py").startswith("primes below 2,000,000: 148933\none after the other ")


def test_the_asyncio_application() -> None:
    assert run("examples/async_app.py").splitlines() == [
        "ada: [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]",
        "bo: '****bo****'",
        "cy: ZeroDivisionError",
        *("out: step 0", "out: step 1", "out: step 2"),
        "gave up on an endless loop",
        "'still here'",
    ]


def test_an_agent_goes_on_from_the_best_branch() -> None:
    lines = run("examples/agent_branches.py").splitlines()
    assert lines[2:] == ["a typo   failed", "a cubic  0.31", "a sine   0.26", "going on from a sine: 3.0"]


def test_a_session_is_resumed_in_another_process() -> None:
    assert run("examples/resume_tomorrow.py").splitlines() == [
        "put away: less than 200 KB",
        *("read page 1", "read page 2", "['page 1', 'page 2'] (run 2)"),
    ]


def test_a_hundred_submissions_are_graded() -> None:
    graded = sorted(run("examples/grade_submissions.py").splitlines()[:-1])
    assert graded == [
        "  20 × 15 of 30 right",
        "  20 × TimeoutError",
        "  20 × ZeroDivisionError",
        "  40 × 30 of 30 right",
    ]


def test_a_program_waits_for_a_person_and_goes_on_in_another_process() -> None:
    assert run("examples/approval.py").splitlines() == [
        "waiting for approve: {'item': 'printer', 'amount': 900}",
        "if refused, 'paid: paper, ink (100)'",
        "approved, 'paid: paper, printer, ink (1000)'",
    ]
