from __future__ import annotations

import array
import errno
import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wasm_interp import FileInfo, Files, LimitExceeded, Limits, Sandbox, UsageError

NO_LINKS = pytest.mark.skipif(sys.platform == "win32", reason="links there need a privilege")
PATIENCE_SECONDS = 30.0


@pytest.fixture
def files(sandbox: Sandbox) -> Files:
    return sandbox.files


def names(infos: list[FileInfo]) -> list[str]:
    return [info.path for info in infos]


def host_tree(folder: Path) -> dict[str, bytes | None]:
    """Every entry below a folder of the host: its bytes, or None for a folder."""
    return {
        each.relative_to(folder).as_posix(): each.read_bytes() if each.is_file() else None
        for each in sorted(folder.rglob("*"))
    }


# Reading and writing


@pytest.mark.parametrize("data", [b"", b"\0\xff\x80", "text \N{SNOWMAN}\r\n", bytearray(b"array"), memoryview(b"view")])
def test_what_is_written_is_read_back(files: Files, data: Any) -> None:
    files.write("f", data)
    assert files.read("f") == (data.encode() if isinstance(data, str) else bytes(data))


def test_text_is_utf_8_unless_said_otherwise(files: Files) -> None:
    files.write("f", "\N{SNOWMAN}")
    assert files.read("f") == b"\xe2\x98\x83"
    assert files.read_text("f") == "\N{SNOWMAN}"
    assert files.read("f", encoding="latin-1") == "â\x98\x83"
    files.write("f", b"\xff")
    with pytest.raises(UnicodeDecodeError):
        files.read_text("f")


def test_a_view_is_written_as_the_bytes_that_it_shows(files: Files) -> None:
    files.write("f", memoryview(array.array("I", [1, 2])))
    assert files.read("f") == array.array("I", [1, 2]).tobytes()
    files.write("f", memoryview(b"abcdef")[::2])
    assert files.read("f") == b"ace"


def test_what_is_changed_after_writing_does_not_change_the_file(files: Files) -> None:
    data = bytearray(b"before")
    files.write("f", data)
    data[:] = b"after!"
    assert files.read("f") == b"before"


def test_writing_replaces_longer_and_shorter_content(files: Files) -> None:
    for content in [b"long content", b"short", b"", b"again"]:
        files.write("f", content)
        assert files.read("f") == content


def test_a_large_file_comes_back_whole(files: Files) -> None:
    content = bytes(range(256)) * 12_345
    files.write("f", content)
    assert files.read("f") == content


def test_missing_parents_are_made(files: Files) -> None:
    files.write("/workspace/a/b/c.txt", "x")
    assert names(files.list(recursive=True)) == ["/workspace/a", "/workspace/a/b", "/workspace/a/b/c.txt"]


def test_relative_paths_start_in_the_workspace(files: Files) -> None:
    files.write("f", "x")
    assert (
        files.read("/workspace/f") == files.read("./f") == files.read("sub/../f") if files.mkdir("sub") is None else 0
    )
    assert files.stat("f").path == "/workspace/f"


def test_a_path_may_be_an_os_path(files: Files) -> None:
    class Guest(os.PathLike[str]):
        def __fspath__(self) -> str:
            return "/tmp/f"

    files.write(Guest(), "x")  # type: ignore[arg-type]
    assert files.read("/tmp/f") == b"x"


def test_the_guest_and_the_host_see_the_same_files(sandbox: Sandbox) -> None:
    sandbox.files.write("from host", "one")
    assert sandbox.run_code("open('from host').read()").text == "'one'"
    sandbox.run_code("with open('from guest', 'w') as f: f.write('two')")
    assert sandbox.files.read_text("from guest") == "two"


def test_a_guest_that_has_a_file_open_keeps_what_is_removed(sandbox: Sandbox) -> None:
    sandbox.files.write("f", "kept")
    sandbox.run_code("f = open('f')")
    sandbox.files.remove("f")
    assert sandbox.run_code("f.read()").text == "'kept'"
    assert not sandbox.files.exists("f")


def test_files_can_be_used_while_a_cell_runs(sandbox: Sandbox) -> None:
    result: list[str | None] = []
    cell = """
import os, time
while not os.path.exists("question"): time.sleep(0.001)
open("answer", "w").write(open("question").read().upper())
os.rename("answer", "ready")
"done"
"""
    thread = threading.Thread(target=lambda: result.append(sandbox.run_code(cell, timeout=PATIENCE_SECONDS).text))
    thread.start()
    sandbox.files.write(".question", "text")
    sandbox.files.rename(".question", "question")
    while not sandbox.files.exists("ready") and thread.is_alive():
        thread.join(0.001)
    assert sandbox.files.read_text("ready") == "TEXT"
    thread.join(PATIENCE_SECONDS)
    assert result == ["'done'"]


# Looking


def test_stat_says_what_is_there(files: Files) -> None:
    before = datetime.now(UTC)
    files.write("sub/f.txt", b"12345")
    info = files.stat("sub/f.txt")
    assert (info.path, info.name, info.kind, info.size, info.is_directory) == (
        "/workspace/sub/f.txt",
        "f.txt",
        "file",
        5,
        False,
    )
    assert before <= info.modified <= datetime.now(UTC)
    assert (files.stat("sub").kind, files.stat("sub").is_directory) == ("directory", True)
    assert files.stat("/").is_directory


def test_list_is_by_name_and_recursive_on_demand(files: Files) -> None:
    for path in ["b/z", "b/a/deep", "a", "c"]:
        files.write(path, path)
    assert names(files.list()) == ["/workspace/a", "/workspace/b", "/workspace/c"]
    assert names(files.list("b", recursive=True)) == ["/workspace/b/a", "/workspace/b/a/deep", "/workspace/b/z"]
    assert names(files.list("/workspace/", recursive=True)) == [
        "/workspace/a",
        "/workspace/b",
        "/workspace/b/a",
        "/workspace/b/a/deep",
        "/workspace/b/z",
        "/workspace/c",
    ]
    assert {"/home", "/tmp", "/usr", "/workspace"} <= set(names(files.list("/")))


def test_links_are_listed_as_links_and_followed_by_the_rest(sandbox: Sandbox, files: Files) -> None:
    files.write("folder/f", "text")
    sandbox.run_code(
        "import os; os.symlink('folder', 'to folder'); os.symlink('folder/f', 'to f'); os.symlink('no', 'x')"
    )
    kinds = {info.name: info.kind for info in files.list(recursive=True)}
    assert kinds == {"folder": "directory", "f": "file", "to folder": "symlink", "to f": "symlink", "x": "symlink"}
    assert (files.stat("to folder").kind, files.stat("to f").kind) == ("directory", "file")
    assert names(files.list("to folder")) == ["/workspace/to folder/f"]
    assert files.read("to f") == files.read("to folder/f") == b"text"
    assert [files.exists(name) for name in ("to folder", "to f", "x")] == [True, True, False]


@pytest.mark.parametrize("path", ["no", "no/f", "/no", "f/below", "/workspace/../no"])
def test_what_is_missing_does_not_exist(files: Files, path: str) -> None:
    files.write("f", "")
    assert not files.exists(path)


@pytest.mark.parametrize("seconds", [-1_000, 0, 2**34])
def test_any_time_that_a_guest_sets_can_be_shown(sandbox: Sandbox, seconds: int) -> None:
    sandbox.files.write("f", "")
    assert sandbox.run_code(f"import os; os.utime('f', ({seconds}, {seconds}))").stopped is None
    assert sandbox.files.stat("f").modified.tzinfo is UTC


# Making, removing, renaming


def test_mkdir_makes_parents_and_takes_what_is_there(files: Files) -> None:
    files.mkdir("a/b")
    files.mkdir("a/b")
    files.mkdir("a/b/")
    files.write("a/b/f", "x")
    files.mkdir("a")
    assert files.read("a/b/f") == b"x"


def test_remove_takes_a_file_a_link_or_an_empty_folder(sandbox: Sandbox, files: Files) -> None:
    files.write("f", "x")
    files.mkdir("empty")
    sandbox.run_code("import os; os.symlink('f', 'link'); os.symlink('empty', 'folder link')")
    for path in ["link", "folder link", "empty", "f"]:
        files.remove(path)
        assert path not in [info.name for info in files.list()]
    assert files.list() == []


def test_remove_of_a_full_folder_must_be_asked_for(files: Files) -> None:
    files.write("a/b/c/f", "x")
    files.write("a/g", "x")
    with pytest.raises(OSError, match="'a'") as caught:
        files.remove("a")
    assert caught.value.errno == errno.ENOTEMPTY
    assert files.exists("a/b/c/f")
    files.remove("a", recursive=True)
    assert files.list() == []


def test_remove_does_not_go_through_links(sandbox: Sandbox, files: Files) -> None:
    files.write("kept/f", "x")
    sandbox.run_code("import os; os.mkdir('a'); os.symlink('../kept', 'a/link'); os.symlink('kept', 'top')")
    files.remove("a", recursive=True)
    files.remove("top", recursive=True)
    assert names(files.list(recursive=True)) == ["/workspace/kept", "/workspace/kept/f"]


def test_rename_moves_over_files_and_makes_parents(files: Files) -> None:
    files.write("a", "new")
    files.write("b", "old")
    files.rename("a", "b")
    assert (files.read("b"), files.exists("a")) == (b"new", False)
    files.rename("b", "/tmp/deep/er/c")
    assert files.read("/tmp/deep/er/c") == b"new"
    files.mkdir("folder/inner")
    files.rename("folder", "moved")
    assert names(files.list(recursive=True)) == ["/workspace/moved", "/workspace/moved/inner"]


# Mistakes


@pytest.mark.parametrize(
    ("call", "arguments", "error", "number"),
    [
        ("read", ["no"], FileNotFoundError, errno.ENOENT),
        ("read", ["folder"], IsADirectoryError, errno.EISDIR),
        ("read", ["f/below"], NotADirectoryError, errno.ENOTDIR),
        ("read", ["loop"], OSError, errno.ELOOP),
        ("write", ["folder", "x"], IsADirectoryError, errno.EISDIR),
        ("write", ["new/", "x"], IsADirectoryError, errno.EISDIR),
        ("write", ["f/below", "x"], NotADirectoryError, errno.ENOTDIR),
        ("write", ["/usr/new", "x"], OSError, errno.EROFS),
        ("write", ["n" * 256, "x"], OSError, errno.ENAMETOOLONG),
        ("write", ["\udc80", "x"], OSError, errno.EILSEQ),
        ("stat", ["no"], FileNotFoundError, errno.ENOENT),
        ("list", ["no"], FileNotFoundError, errno.ENOENT),
        ("list", ["f"], NotADirectoryError, errno.ENOTDIR),
        ("mkdir", ["f"], FileExistsError, errno.EEXIST),
        ("mkdir", ["f/below"], NotADirectoryError, errno.ENOTDIR),
        ("mkdir", ["/usr/new"], OSError, errno.EROFS),
        ("remove", ["no"], FileNotFoundError, errno.ENOENT),
        ("remove", ["/usr"], OSError, errno.EROFS),
        ("write", ["new/" + "n/" * 2047 + "f", "x"], OSError, errno.ENAMETOOLONG),
        ("mkdir", ["n/" * 2048], OSError, errno.ENAMETOOLONG),
        ("rename", ["no", "new/folder"], FileNotFoundError, errno.ENOENT),
        ("rename", ["folder", "folder/inner"], OSError, errno.EINVAL),
        ("rename", ["f", "folder"], IsADirectoryError, errno.EISDIR),
        ("rename", ["folder", "f"], NotADirectoryError, errno.ENOTDIR),
        ("download", ["no", "unused"], FileNotFoundError, errno.ENOENT),
    ],
)
def test_a_mistake_is_the_oserror_of_any_file_system(
    sandbox: Sandbox, call: str, arguments: list[str], error: type[OSError], number: int
) -> None:
    sandbox.files.write("f", "kept")
    sandbox.files.mkdir("folder")
    sandbox.run_code("import os; os.symlink('loop', 'loop')")
    before = [(info.path, info.size) for info in sandbox.files.list(recursive=True)]
    with pytest.raises(error) as caught:
        getattr(sandbox.files, call)(*arguments)
    assert (caught.value.errno, caught.value.filename) == (number, arguments[0])
    assert caught.value.strerror == os.strerror(number)
    assert [(info.path, info.size) for info in sandbox.files.list(recursive=True)] == before


@pytest.mark.parametrize("path", ["", "a\0b", "\0"])
@pytest.mark.parametrize("call", ["read", "write", "stat", "exists", "list", "mkdir", "remove", "rename", "download"])
def test_what_is_no_path_is_refused(files: Files, call: str, path: str) -> None:
    second = {"write": ["x"], "rename": ["new"], "download": ["unused"]}.get(call, [])
    with pytest.raises(UsageError) as caught:
        getattr(files, call)(path, *second)
    assert str(caught.value) == f"{path!r} is no path"


@pytest.mark.parametrize(("path", "kind"), [(None, "NoneType"), (5, "int"), (b"/tmp/f", "bytes")])
def test_a_path_is_text(files: Files, path: Any, kind: str) -> None:
    for call in (files.read, files.exists, files.mkdir, files.remove):
        with pytest.raises(UsageError, match=f"^a path must be str, not {kind}$"):
            call(path)


@pytest.mark.parametrize(("data", "kind"), [(None, "NoneType"), (5, "int"), (["a"], "list")])
def test_data_is_text_or_bytes(files: Files, data: Any, kind: str) -> None:
    with pytest.raises(UsageError, match=f"^data must be str or bytes, not {kind}$"):
        files.write("f", data)
    assert not files.exists("f")


# Quotas


@pytest.fixture
def small() -> Iterator[Sandbox]:
    with Sandbox(limits=Limits(file_bytes=100, file_count=3)) as made:
        yield made


def test_a_file_too_large_is_refused_and_nothing_else_disturbed(small: Sandbox) -> None:
    small.files.write("f", b"x" * 60)
    for path in ["g", "f"]:
        with pytest.raises(LimitExceeded) as caught:
            small.files.write(path, b"y" * 101)
        assert str(caught.value) == (
            f"no room for {path}: 60 of 100 bytes (file_bytes) and 1 of 3 files (file_count) are in use"
        )
    assert names(small.files.list()) == ["/workspace/f"]
    assert small.files.read("f") == b"x" * 60
    small.files.write("f", b"z" * 100)
    assert small.files.read("f") == b"z" * 100


def test_files_without_number_are_refused(small: Sandbox) -> None:
    for name in "abc":
        small.files.write(name, "")
    with pytest.raises(LimitExceeded, match=r"^no room for d: 0 of 100 bytes \(file_bytes\) and 3 of 3 files "):
        small.files.write("d", "")
    with pytest.raises(LimitExceeded, match=r"^no room for e/f: "):
        small.files.mkdir("e/f")
    small.files.remove("a")
    small.files.write("d", "")


def test_the_guest_and_the_host_share_the_quota(small: Sandbox) -> None:
    small.run_code("with open('f', 'wb') as f: f.write(bytes(90))")
    with pytest.raises(LimitExceeded, match=r"90 of 100 bytes"):
        small.files.write("g", bytes(11))
    small.files.write("g", bytes(10))
    error = small.run_code("open('f', 'ab', buffering=0).write(b'x')").error
    assert error is not None
    assert error.value == "[Errno 51] No space left on device"


def test_a_file_of_the_host_larger_than_the_quota_is_not_read(small: Sandbox, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(101))
    with pytest.raises(LimitExceeded) as caught:
        small.files.upload(large)
    assert str(caught.value) == f"{large} has 101 bytes; the limit file_bytes is 100"
    assert small.files.list() == []


# Upload


def test_upload_copies_a_file_to_its_name_or_another(files: Files, tmp_path: Path) -> None:
    source = tmp_path / "data.csv"
    source.write_bytes(b"a,b\n")
    files.upload(source)
    files.upload(str(source), "in/other.csv")
    assert files.read("data.csv") == files.read("in/other.csv") == b"a,b\n"
    assert names(files.list(recursive=True)) == ["/workspace/data.csv", "/workspace/in", "/workspace/in/other.csv"]


def test_upload_copies_a_folder_with_all_that_is_in_it(files: Files, tmp_path: Path) -> None:
    (tmp_path / "tree/deep/empty").mkdir(parents=True)
    (tmp_path / "tree/deep/f").write_bytes(b"1")
    (tmp_path / "tree/g").write_bytes(b"2")
    files.upload(tmp_path / "tree")
    files.upload(tmp_path / "tree", "/tmp/copy/")
    for root in ["/workspace/tree", "/tmp/copy"]:
        assert names(files.list(root, recursive=True)) == [
            f"{root}/deep",
            f"{root}/deep/empty",
            f"{root}/deep/f",
            f"{root}/g",
        ]
        assert (files.read(f"{root}/deep/f"), files.read(f"{root}/g")) == (b"1", b"2")


def test_upload_into_a_folder_that_is_there_adds_to_it(files: Files, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/f").write_bytes(b"new")
    files.write("tree/f", "old")
    files.write("tree/kept", "kept")
    files.upload(tmp_path / "tree")
    assert (files.read("tree/f"), files.read("tree/kept")) == (b"new", b"kept")


@NO_LINKS
def test_upload_follows_links_and_enters_each_folder_once(files: Files, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"1")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "again").symlink_to(tree)
    (tree / "dangling").symlink_to("nowhere")
    (tree / "file").symlink_to(outside / "f")
    (tree / "folder").symlink_to(outside)
    (tree / "folder twice").symlink_to(outside)
    files.upload(tree)
    found = {info.path.removeprefix("/workspace/tree/"): info.kind for info in files.list("tree", recursive=True)}
    assert found.pop("file") == "file"
    entered = {name for name in ("folder", "folder twice") if f"{name}/f" in found}
    assert len(entered) == 1
    assert found == dict.fromkeys(entered, "directory") | {f"{name}/f": "file" for name in entered}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in its file system")
def test_upload_takes_nothing_but_files_and_folders(files: Files, tmp_path: Path) -> None:
    """Opening a pipe would wait for its writer for ever."""
    pipe = tmp_path / "tree" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    with pytest.raises(UsageError) as caught:
        files.upload(pipe)
    assert str(caught.value) == f"{pipe} is neither a file nor a folder"
    (tmp_path / "tree" / "f").write_bytes(b"1")
    files.upload(pipe.parent)
    assert names(files.list("tree")) == ["/workspace/tree/f"]


def test_upload_of_what_is_missing_is_the_hosts_error(files: Files, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        files.upload(tmp_path / "no")
    assert caught.value.filename == str(tmp_path / "no") or caught.value.filename == tmp_path / "no"
    assert files.list() == []


def test_upload_of_a_folder_where_a_file_is_stops(files: Files, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    files.write("tree", "a file")
    with pytest.raises(FileExistsError):
        files.upload(tmp_path / "tree")
    assert files.read("tree") == b"a file"


# Download


def test_download_copies_a_file_to_a_name_or_into_a_folder(files: Files, tmp_path: Path) -> None:
    files.write("out/data.csv", "a,b\n")
    files.download("out/data.csv", tmp_path / "new" / "parents" / "other.csv")
    files.download("out/data.csv", str(tmp_path))
    assert (tmp_path / "new/parents/other.csv").read_bytes() == b"a,b\n"
    assert (tmp_path / "data.csv").read_bytes() == b"a,b\n"
    files.write("out/data.csv", "")
    files.download("out/data.csv", tmp_path / "data.csv")
    assert (tmp_path / "data.csv").read_bytes() == b""


def test_download_copies_a_folder_with_all_that_is_in_it(files: Files, tmp_path: Path) -> None:
    files.write("tree/deep/f", "1")
    files.write("tree/g", "2")
    files.mkdir("tree/empty")
    wanted = {"deep": None, "deep/f": b"1", "empty": None, "g": b"2"}
    for path in ["tree", "tree/", "/workspace/tree", "./tree"]:
        target = tmp_path / "in" / str(len(path))
        files.download(path, target)
        assert host_tree(target) == wanted
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "kept").write_bytes(b"3")
    files.download("tree", tmp_path / "there")
    assert host_tree(tmp_path / "there") == wanted | {"kept": b"3"}


def test_download_of_everything_leaves_out_nothing(files: Files, tmp_path: Path) -> None:
    files.write("/tmp/f", "1")
    files.write("/workspace/g", "2")
    files.download("/tmp", tmp_path / "t")
    files.download("/workspace/.", tmp_path / "w")
    assert (host_tree(tmp_path / "t"), host_tree(tmp_path / "w")) == ({"f": b"1"}, {"g": b"2"})


def test_download_follows_links_to_files_and_leaves_out_other_links(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.files.write("outside/f", "text")
    sandbox.run_code(
        "import os; os.mkdir('tree')\n"
        "for name, target in dict(file='../outside/f', folder='../outside', up='..', self='.', none='nowhere',"
        " host='/etc/passwd', loop='loop').items():\n"
        "    os.symlink(target, f'tree/{name}')"
    )
    sandbox.files.download("tree", tmp_path / "out")
    assert host_tree(tmp_path / "out") == {"file": b"text"}
    assert not any(each.is_symlink() for each in (tmp_path / "out").iterdir())
    sandbox.files.download("tree/file", tmp_path / "single")
    assert (tmp_path / "single").read_bytes() == b"text"


@pytest.mark.skipif(sys.platform == "win32", reason="many of these are no names there")
def test_names_made_by_a_guest_stay_in_the_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    hostile = ["...", "..\\up", "C:", "~", "-rf", "new\nline", " ", "\x1b[2J", "\N{SNOWMAN}" * 80, "a" * 255, "$(id)"]
    result = sandbox.run_code(
        f"import os; os.mkdir('tree')\nfor name in {hostile!r}:\n    with open('tree/' + name, 'w') as f: f.write(name)"
    )
    assert result.error is None
    sandbox.files.download("tree", tmp_path / "inner" / "out")
    assert host_tree(tmp_path) == {"inner": None, "inner/out": None} | {
        f"inner/out/{name}": name.encode() for name in hostile
    }


def test_a_name_that_the_host_cannot_hold_is_refused_before_anything_is_written(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.files.write("tree/a", "1")
    sandbox.files.write("tree/z/a:b", "1")
    monkeypatch.setattr("wasm_interp.files.os.name", "nt")
    monkeypatch.setattr(Path, "is_dir", lambda self: os.path.isdir(self))
    with pytest.raises(UsageError, match=r"^the host cannot hold a file named 'a:b'$"):
        sandbox.files._download_folder("tree", tmp_path / "out")
    assert not (tmp_path / "out").exists()


DEEPER_THAN_ANY_PATH = """
import os
fd = os.open("/workspace", os.O_RDONLY)
for n in range(3000):
    os.mkdir("d", dir_fd=fd)
    inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
    os.close(fd)
    fd = inner
os.close(fd)
"""


def test_folders_deeper_than_any_path_are_passed_over_in_a_list_and_can_be_removed(sandbox: Sandbox) -> None:
    assert sandbox.run_code(DEEPER_THAN_ANY_PATH).error is None
    sandbox.files.write("f", "x")
    listed = sandbox.files.list(recursive=True)
    assert 2_000 < len(listed) < 2_100
    assert listed[-1].path == "/workspace/f"
    sandbox.files.remove("d", recursive=True)
    assert names(sandbox.files.list()) == ["/workspace/f"]


def test_a_folder_as_deep_as_a_path_goes_is_listed(files: Files) -> None:
    """Deeper than Python's own recursion may go."""
    files.mkdir("d/" * 1500)
    assert len(files.list(recursive=True)) == 1500
    files.remove("d", recursive=True)
    assert files.list() == []
