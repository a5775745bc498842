"""The cache of compiled guests: native code is taken only from a file that nobody else could have written."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import wasmtime

import wasm_interp
from wasm_interp._core.engine import Mode, engine, modules
from wasm_interp._core.engine.modules import compiled_path, is_compiled, load_module
from wasm_interp._core.private_folder import UnsafeFile

SHA256 = "c0ffee" * 10 + "beef"
TEXT = '(module (memory (export "memory") 1) (func (export "answer") (result i32) (i32.const 42)))'
ENGINE = engine(Mode.EPOCHS)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a process that has loaded nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("WASM_INTERP_CACHE", str(folder))
    forget(monkeypatch)
    return folder


@pytest.fixture
def wasm(tmp_path: Path) -> Path:
    path = tmp_path / "guest.wasm"
    path.write_bytes(wasmtime.wat2wasm(TEXT))
    return path


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.setattr(modules, "_loaded", {})


def replace(path: Path, content: bytes) -> None:
    """Another file under that name; the one that was there may be mapped."""
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o600)


def answer(module: wasmtime.Module) -> int:
    store = wasmtime.Store(ENGINE.raw)
    store.set_epoch_deadline(1 << 40)
    return wasmtime.Instance(store, module, []).exports(store)["answer"](store)


def test_a_guest_is_compiled_once_and_kept_for_the_user_alone(wasm: Path, cache: Path) -> None:
    assert not is_compiled(ENGINE, SHA256)
    module = load_module(ENGINE, wasm, SHA256)
    assert answer(module) == 42
    assert is_compiled(ENGINE, SHA256)
    assert [(path.name, path.stat().st_mode & 0o777) for path in cache.iterdir()] == [
        (f"c0ffeec0ffeec0ffeec0ffeec0ffeec0-{ENGINE.identity}.cwasm", 0o600)
    ]
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_process_loads_a_guest_once(wasm: Path) -> None:
    assert load_module(ENGINE, wasm, SHA256) is load_module(ENGINE, wasm, SHA256)


def test_the_next_process_does_not_compile(wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_module(ENGINE, wasm, SHA256)
    wasm.unlink()
    forget(monkeypatch)
    assert answer(load_module(ENGINE, wasm, SHA256)) == 42


@pytest.mark.parametrize("mode", Mode)
def test_each_kind_of_engine_has_code_of_its_own(mode: Mode) -> None:
    paths = {compiled_path(engine(each), SHA256) for each in Mode}
    assert len(paths) == len(Mode)
    assert engine(mode).identity.startswith(f"wasmtime-{version('wasmtime')}-")


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602, 0o777])
def test_a_file_that_others_can_write_is_refused(wasm: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    path.chmod(mode)
    forget(monkeypatch)
    with pytest.raises(UnsafeFile) as caught:
        load_module(ENGINE, wasm, SHA256)
    assert str(caught.value) == (
        f"{path} can be written by others (mode {mode:o}); it holds native code, so it is not used. "
        f"Run: chmod go-w {path}"
    )
    with pytest.raises(UnsafeFile):
        is_compiled(ENGINE, SHA256)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_refused(wasm: Path, cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(UnsafeFile) as caught:
        load_module(ENGINE, wasm, SHA256)
    assert str(caught.value).startswith(f"{cache} can be written by others (mode {mode:o}); it holds native code")
    assert list(cache.iterdir()) == []


def test_a_symbolic_link_is_refused_wherever_it_leads(
    wasm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    path.rename(tmp_path / "elsewhere")
    for target in (tmp_path / "elsewhere", tmp_path / "nowhere"):
        path.symlink_to(target)
        forget(monkeypatch)
        with pytest.raises(UnsafeFile) as caught:
            load_module(ENGINE, wasm, SHA256)
        assert str(caught.value) == f"{path} is a symbolic link; delete it and try again"
        path.unlink()


def test_a_file_of_another_user_is_refused(wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    forget(monkeypatch)
    owner = os.getuid()
    folder = path.parent.lstat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(UnsafeFile) as caught:
        load_module(ENGINE, wasm, SHA256)
    assert str(caught.value) == (
        f"{path.parent} belongs to user {folder}, not to {owner + 1}; it holds native code, so it is not used. "
        "Delete it, or set WASM_INTERP_CACHE to a folder of your own"
    )


def test_a_file_of_another_user_in_a_folder_of_ours_is_refused(wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    forget(monkeypatch)
    real = Path.lstat

    def lstat(each: Path) -> os.stat_result:
        fields = list(real(each))
        if each == path:
            fields[4] += 1
        return os.stat_result(fields)

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(UnsafeFile, match=r"\.cwasm belongs to user \d+, not to \d+; it holds native code"):
        load_module(ENGINE, wasm, SHA256)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_made_anew(wasm: Path, monkeypatch: pytest.MonkeyPatch, kept: float) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    whole = path.read_bytes()
    replace(path, whole[: int(len(whole) * kept)])
    forget(monkeypatch)
    assert answer(load_module(ENGINE, wasm, SHA256)) == 42
    assert path.read_bytes() == whole


def test_a_file_that_is_no_code_is_made_anew(wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    replace(path, b"\x7fELF" + bytes(5_000))
    forget(monkeypatch)
    assert answer(load_module(ENGINE, wasm, SHA256)) == 42


def test_a_broken_file_may_be_gone_once_it_was_found_broken(wasm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is about to put a new one there."""
    load_module(ENGINE, wasm, SHA256)
    path = compiled_path(ENGINE, SHA256)
    replace(path, b"cut short")
    forget(monkeypatch)
    real = wasmtime.Module.deserialize_file

    def lose(raw: wasmtime.Engine, name: str) -> wasmtime.Module:
        try:
            return real(raw, name)
        except wasmtime.WasmtimeError:
            path.unlink()
            raise

    monkeypatch.setattr(wasmtime.Module, "deserialize_file", lose)
    assert answer(load_module(ENGINE, wasm, SHA256)) == 42


def test_a_compilation_that_fails_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm\1\0\0\0broken")
    with pytest.raises(wasmtime.WasmtimeError):
        load_module(ENGINE, broken, SHA256)
    assert list(cache.iterdir()) == []


RACER = """
import sys
from importlib.metadata import version
from pathlib import Path
from wasm_interp._core.engine import Mode, engine, load_module
chosen = engine(Mode.EPOCHS)
print("ready", flush=True)
sys.stdin.readline()
for round_ in range(30):
    load_module(chosen, Path(sys.argv[1]), f"{round_:02}" + sys.argv[2])
print("done", flush=True)
"""


def test_two_processes_that_compile_at_once_both_get_theirs(wasm: Path, cache: Path) -> None:
    """Every file is there already, cut short, so that both find it broken, and replace it, at about the same time."""
    cache.mkdir(mode=0o700)
    paths = [compiled_path(ENGINE, f"{round_:02}" + SHA256) for round_ in range(30)]
    for path in paths:
        path.write_bytes(b"cut short")
        path.chmod(0o600)
    racers = [start_racer(wasm) for _ in range(2)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outcomes = [(*racer.communicate(timeout=60), racer.returncode) for racer in racers]
    assert outcomes == [("done\n", "", 0)] * 2
    assert sorted(cache.iterdir()) == paths
    assert all(path.read_bytes()[:4] == b"\x7fELF" for path in paths)


def start_racer(wasm: Path) -> subprocess.Popen[str]:
    """A process that is about to load thirty guests; a line tells it to begin."""
    return subprocess.Popen(
        [sys.executable, "-c", RACER, str(wasm), SHA256],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(wasm_interp.__file__).parents[1])},
    )
