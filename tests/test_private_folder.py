from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from wasm_interp import UsageError
from wasm_interp._core import private_folder
from wasm_interp._core.private_folder import UnsafeFile, cache_folder, new_file, trusted_file

NO_MODES = pytest.mark.skipif(sys.platform == "win32", reason="this system has no modes")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chosen cache folder, not made yet."""
    chosen = tmp_path / "deep" / "cache"
    monkeypatch.setenv("WASM_INTERP_CACHE", str(chosen))
    return chosen


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The folder


def test_the_folder_is_made_for_its_owner_alone(folder: Path) -> None:
    assert cache_folder() == folder
    assert folder.is_dir()
    if sys.platform != "win32":
        assert mode(folder) == 0o700
    assert cache_folder() == folder


def test_without_a_choice_it_is_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WASM_INTERP_CACHE", raising=False)
    asked: list[object] = []
    monkeypatch.setattr(
        private_folder.platformdirs,
        "user_cache_dir",
        lambda *arguments, **options: asked.append((arguments, options)) or str(tmp_path / "own"),
    )
    assert cache_folder() == tmp_path / "own"
    assert asked == [(("wasm_interp",), {"appauthor": False})]


@NO_MODES
@pytest.mark.parametrize("bits", [0o770, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_refused(folder: Path, bits: int) -> None:
    folder.mkdir(parents=True)
    folder.chmod(bits)
    complaint = (
        f"{folder} can be written by others (mode {bits:o}); it holds native code, so it is not used. "
        f"Run: chmod go-w {folder}"
    )
    with pytest.raises(UnsafeFile, match=f"^{re.escape(complaint)}$"):
        cache_folder()
    folder.chmod(0o755)
    assert cache_folder() == folder


@NO_MODES
def test_a_folder_of_another_user_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder()
    owner = folder.stat().st_uid
    monkeypatch.setattr(private_folder.os, "getuid", lambda: owner + 1)
    complaint = (
        f"{folder} belongs to user {owner}, not to {owner + 1}; it holds native code, so it is not used. "
        "Delete it, or set WASM_INTERP_CACHE to a folder of your own"
    )
    with pytest.raises(UnsafeFile, match=f"^{re.escape(complaint)}$"):
        cache_folder()


@NO_MODES
def test_a_folder_may_be_a_link_to_one_of_ours(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "larger disk"
    real.mkdir(mode=0o700)
    folder.parent.mkdir()
    folder.symlink_to(real)
    assert cache_folder() == folder
    real.chmod(0o777)
    with pytest.raises(UnsafeFile, match=r"can be written by others"):
        cache_folder()


def test_a_refusal_is_a_usage_error() -> None:
    assert issubclass(UnsafeFile, UsageError)


# A file that is read


def test_a_file_of_ours_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not trusted_file(path)
    path.write_bytes(b"code")
    path.chmod(0o600)
    assert trusted_file(path)


@NO_MODES
@pytest.mark.parametrize("bits", [0o620, 0o602])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"code")
    path.chmod(bits)
    with pytest.raises(UnsafeFile, match=rf"^{re.escape(str(path))} can be written by others \(mode {bits:o}\); "):
        trusted_file(path)


@NO_MODES
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_is_refused_whatever_it_leads_to(tmp_path: Path, dangling: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    if not dangling:
        target.write_bytes(b"code")
        target.chmod(0o600)
    link.symlink_to(target)
    complaint = f"{link} is a symbolic link; delete it and try again"
    with pytest.raises(UnsafeFile, match=f"^{re.escape(complaint)}$"):
        trusted_file(link)


# A file that is made


def test_a_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "made"
    with new_file(path) as file:
        file.write(b"first half, ")
        file.flush()
        assert not path.exists()
        assert [each.name.startswith(".made.") for each in tmp_path.iterdir()] == [True]
        file.write(b"second half")
    assert path.read_bytes() == b"first half, second half"
    assert [each.name for each in tmp_path.iterdir()] == ["made"]
    assert trusted_file(path)
    if sys.platform != "win32":
        assert mode(path) == 0o600


@pytest.mark.parametrize("error", [ValueError("full"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "made"
    path.write_bytes(b"old")

    def fail() -> None:
        with new_file(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["made"]


def test_of_two_at_once_the_last_one_to_end_wins(tmp_path: Path) -> None:
    path = tmp_path / "made"
    with new_file(path) as first:
        first.write(b"first")
        with new_file(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert [each.name for each in tmp_path.iterdir()] == ["made"]


@NO_MODES
def test_making_a_file_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "made"
    target.write_bytes(b"theirs")
    path.symlink_to(target)
    with new_file(path) as file:
        file.write(b"ours")
    assert (target.read_bytes(), path.read_bytes()) == (b"theirs", b"ours")
    assert trusted_file(path)


@NO_MODES
def test_a_wide_umask_changes_nothing(folder: Path) -> None:
    before = os.umask(0)
    try:
        with new_file(cache_folder() / "made") as file:
            file.write(b"code")
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "made")) == (0o700, 0o600)


def test_files_that_nobody_used_are_deleted_and_used_ones_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASM_INTERP_CACHE", str(tmp_path / "cache"))
    folder = private_folder.cache_folder()
    for name in ("unused.image", "used.image", ".abandoned.image.x1"):
        (folder / name).write_bytes(b"12345")
        os.utime(folder / name, (0, 0))
    private_folder.mark_used(folder / "used.image")
    (folder / ".being-written.image.x2").write_bytes(b"1")
    assert private_folder.remove_unused() == 10
    assert sorted(path.name for path in folder.iterdir()) == [".being-written.image.x2", "used.image"]
