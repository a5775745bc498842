from __future__ import annotations

import os
from pathlib import Path

import pytest
from wasm_interp_kernel import environment


@pytest.fixture(autouse=True)
def _keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNEL_TEST_KEPT", "before")
    monkeypatch.delenv("KERNEL_TEST_NEW", raising=False)


def test_an_overlay_is_undone() -> None:
    saved = environment.overlay({"KERNEL_TEST_KEPT": "during", "KERNEL_TEST_NEW": "during"})
    assert os.environ["KERNEL_TEST_KEPT"] == os.environ["KERNEL_TEST_NEW"] == "during"
    environment.restore(saved)
    assert os.environ["KERNEL_TEST_KEPT"] == "before"
    assert "KERNEL_TEST_NEW" not in os.environ


def test_what_the_program_changed_in_between_stays() -> None:
    saved = environment.overlay({"KERNEL_TEST_KEPT": "during", "KERNEL_TEST_NEW": "during"})
    os.environ["KERNEL_TEST_KEPT"] = "mine"
    del os.environ["KERNEL_TEST_NEW"]
    environment.restore(saved)
    assert os.environ["KERNEL_TEST_KEPT"] == "mine"
    assert "KERNEL_TEST_NEW" not in os.environ


def test_start_replaces_the_environment_and_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, folder = os.environ.copy(), Path.cwd()
    try:
        environment.start(str(tmp_path), {"KERNEL_TEST_KEPT": "1", "KERNEL_TEST_NEW": "2"})
        assert dict(os.environ) == {"KERNEL_TEST_KEPT": "1", "KERNEL_TEST_NEW": "2"}
        assert Path.cwd() == tmp_path.resolve()
    finally:
        environment.start(str(folder), before)
    assert dict(os.environ) == before


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        environment.start("/no/such/folder", None)
