"""``wasm-interp image``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from wasm_interp import Image, Sandbox
from wasm_interp.cli import app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="images need memfd_create and pagemap")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["image", *arguments], catch_exceptions=False)


def test_an_image_is_built_listed_and_removed(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text("words = open('w').read().split()")
    (tmp_path / "words").write_text("a b c")
    built = invoke("build", str(tmp_path / "setup.py"), "--file", f"{tmp_path / 'words'}:w")
    key = built.stdout.strip()
    assert built.exit_code == 0, built.stderr
    with Image.load(key) as image, Sandbox(image=image) as sandbox:
        assert sandbox.run_code("words").text == "['a', 'b', 'c']"
    assert f"{key}  python" in invoke("list").stdout
    assert key in {each["key"] for each in json.loads(invoke("list", "--json").stdout)}
    assert invoke("remove", key).exit_code == 0
    assert key not in invoke("list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "nothing"], "there is no image 'nothing' in the cache"),
        (["build", "-c", "1 / 0"], "ZeroDivisionError"),
        (["build", "no.py", "-c", "1"], "name one program: a FILE or -c CODE"),
        (["build", "-c", "1", "--file", ":x"], "--file takes HOST or HOST:PATH, not ':x'"),
    ],
)
def test_misuse_is_a_line_and_status_2(arguments: list[str], message: str) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
