from __future__ import annotations

from importlib.metadata import version

import pytest
from wasm_interp_kernel import pip_answers
from wasm_interp_kernel.magic_errors import UsageError


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("pip install x", "install x"),
        ("pip3 list", "list"),
        (" python -m pip install x", "install x"),
        ("python3 -m pip install x", "install x"),
        ("uv pip install x", "install x"),
        ("conda install x", "install x"),
        ("pip", ""),
        ("pipx run x", None),
        ("ls pip", None),
        ("python -m pipeline", None),
    ],
)
def test_pip_is_known_by_all_its_names(command: str, argument: str | None) -> None:
    assert pip_answers.pip_argument(command) == argument


def test_what_is_there_satisfies(capsys: pytest.CaptureFixture[str]) -> None:
    pip_answers.answer("install -U --index-url http://x -r wanted.txt 'pytest>=1' PyTest")
    here = version("pytest")
    assert capsys.readouterr().out == (
        f"Requirement already satisfied: pytest>=1 ({here})\nRequirement already satisfied: PyTest ({here})\n"
    )


def test_what_is_missing_is_named_with_the_way_to_add_it() -> None:
    with pytest.raises(UsageError) as caught:
        pip_answers.answer("install no-such-package 'pytest<1' git+https://x/y ./here")
    wanted = ["no-such-package", "pytest<1", "git+https://x/y", "./here"]
    message = str(caught.value)
    assert message.startswith(f"cannot install {', '.join(wanted)}: packages cannot be installed from inside")
    assert f"Sandbox(packages={wanted!r})" in message


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("", "pip : packages cannot be changed from inside the sandbox"),
        ("uninstall pytest", "pip uninstall: packages cannot be changed from inside the sandbox"),
        ("install", "pip install: name the packages; nothing else can be answered from inside the sandbox"),
        (
            "install -r wanted.txt",
            "pip install: name the packages; nothing else can be answered from inside the sandbox",
        ),
        ("install 'x", "pip install 'x: No closing quotation"),
        ("show no-such-package", "no-such-package is not in this sandbox"),
    ],
)
def test_what_cannot_be_done_is_said(argument: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        pip_answers.answer(argument)
    assert str(caught.value) == message


@pytest.mark.parametrize("argument", ["list", "freeze"])
def test_list_names_versions(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    pip_answers.answer(argument)
    assert f"pytest=={version('pytest')}" in capsys.readouterr().out.splitlines()
