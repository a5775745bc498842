"""Layers: what is shared, what is merged, and that neither side of a fork sees the other."""

import pickle

import pytest

from wasm_interp._core.vfs import Base, FileSystem, FileSystemError, Quota, Usage
from wasm_interp._core.vfs.layers import MAX_SEALED, Layers
from wasm_interp._core.vfs.nodes import Directory, File

EMPTY = Base({}, 1, 1)


def file(ino: int, content: bytes = b"") -> File:
    return File(ino, False, 1, 0, 0, 0, bytearray(content), True, False)


def test_a_node_of_the_top_layer_is_changed_in_place() -> None:
    layers = Layers(EMPTY, 0)
    node = file(1)
    layers.add(node)
    assert layers.writable(node) is node


def test_a_sealed_node_is_copied_up_without_its_content() -> None:
    layers = Layers(EMPTY, 0)
    node = file(1, b"abc")
    layers.add(node)
    layers.fork()
    copy = layers.writable(node)
    assert copy is not node
    assert copy.content is node.content
    assert copy.shared
    assert layers.writable(node) is copy  # an older node of the same number finds the newer one


def test_a_fork_without_changes_adds_no_layer() -> None:
    layers = Layers(EMPTY, 0)
    layers.add(file(1))
    for _ in range(100):
        layers.fork()
    assert layers.depth == 1


def test_layers_are_merged_once_there_are_too_many() -> None:
    layers = Layers(EMPTY, 1 << 30)
    depths = []
    for ino in range(1, 30):
        layers.add(file(ino))
        layers.fork()
        depths.append(layers.depth)
    assert max(depths) == MAX_SEALED
    assert all(layers.get(ino) is not None for ino in range(1, 30))


def test_a_merge_forgets_dropped_nodes_but_keeps_hiding_those_of_the_base() -> None:
    layers = Layers(Base({1: file(1)}, 1, 2), 1 << 30)
    layers.add(file(2))
    layers.fork()
    layers.drop(1)
    layers.drop(2)
    for ino in range(3, 3 + MAX_SEALED - 1):
        layers.fork()
        layers.add(file(ino))
    layers.fork()
    assert layers.depth == 1
    assert layers.get(1) is layers.get(2) is None
    assert set(layers._sealed[0]) == {1, *range(3, 3 + MAX_SEALED - 1)}


def test_dropping_a_node_of_the_top_layer_leaves_no_mark() -> None:
    layers = Layers(EMPTY, 0)
    layers.add(file(1))
    layers.drop(1)
    assert layers._top == {}


def test_content_that_no_one_can_see_is_let_go_of(base: Base) -> None:
    fs = FileSystem(base, Quota(bytes=1_000, inodes=5), lambda: 0)
    ino = fs.open(fs.root, "/tmp/f", create=True)
    for _ in range(4):
        fs.truncate(ino, 0)
        fs.write(ino, 0, b"x" * 300)
        fs.fork()
    kept = {id(node.content): len(node.content) for layer in fs._volume.layers._sealed for node in layer.values()
            if isinstance(node, File)}  # fmt: skip
    assert sum(kept.values()) <= 300 + 500


def test_a_dropped_file_counts_as_waste_once() -> None:
    layers = Layers(EMPTY, 1 << 30)
    node = file(1, b"abc")
    layers.add(node)
    layers.fork()
    layers.writable(node).links = 0
    layers.drop(1)
    assert layers._waste == 3


def test_nodes_are_plain_data() -> None:
    node = Directory(1, False, 2, 0, 0, 0, 1)
    node.put("f", file(2))
    copies = pickle.loads(pickle.dumps([node, file(2, b"abc")]))
    assert copies == [node, file(2, b"abc")]


# Forks of a whole file system


def write(fs: FileSystem, path: str, content: bytes) -> int:
    ino = fs.open(fs.root, path, create=True, write=True, truncate=True)
    fs.write(ino, 0, content)
    fs.release(ino)
    return ino


def content(fs: FileSystem, path: str) -> bytes:
    return bytes(fs.read(fs.resolve(fs.root, path), 0, 100))


def names(fs: FileSystem, path: str) -> list[str]:
    return [entry.name for entry in fs.entries(fs.resolve(fs.root, path), 2)]


def test_both_sides_of_a_fork_are_independent(fs: FileSystem) -> None:
    ino = write(fs, "/tmp/f", b"common")
    fork = fs.fork()
    fs.write(ino, 0, b"PARENT")
    fork.append(ino, b"!")
    write(fs, "/tmp/parent", b"1")
    fork.mkdir(fork.root, "/tmp/child")
    assert (content(fs, "/tmp/f"), content(fork, "/tmp/f")) == (b"PARENT", b"common!")
    assert (names(fs, "/tmp"), names(fork, "/tmp")) == (["f", "parent"], ["f", "child"])


def test_every_kind_of_change_stays_on_its_side(fs: FileSystem) -> None:
    for name in "abc":
        write(fs, f"/tmp/{name}", name.encode())
    fs.mkdir(fs.root, "/tmp/d")
    before = fs.fork()
    fs.unlink(fs.root, "/tmp/a")
    fs.rename(fs.root, "/tmp/b", fs.root, "/tmp/d/b")
    fs.link(fs.root, "/tmp/c", fs.root, "/tmp/d/c")
    fs.set_times(fs.resolve(fs.root, "/tmp/c"), 9, 9)
    fs.truncate(fs.resolve(fs.root, "/tmp/c"), 0)
    assert names(before, "/tmp") == ["a", "b", "c", "d"]
    assert names(before, "/tmp/d") == []
    found = before.stat(before.resolve(before.root, "/tmp/c"))
    assert (found.size, found.links, found.atime_ns) == (1, 1, 1_000)


def test_an_unlinked_open_file_stays_open_on_both_sides(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "/tmp/f", create=True)
    fs.write(ino, 0, b"abc")
    fs.unlink(fs.root, "/tmp/f")
    fork = fs.fork()
    fs.release(ino)
    assert fs.usage() == Usage(0, 0)
    with pytest.raises(FileSystemError, match=r"^BADF$"):
        fs.stat(ino)
    fork.append(ino, b"d")
    assert bytes(fork.read(ino, 0, 9)) == b"abcd"
    fork.release(ino)
    assert fork.usage() == Usage(0, 0)


def test_a_file_unlinked_on_one_side_lives_on_the_other(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "/tmp/f", create=True)
    fork = fs.fork()
    fork.unlink(fork.root, "/tmp/f")
    fork.release(ino)
    assert fs.resolve(fs.root, "/tmp/f") == ino
    assert (fs.usage().inodes, fork.usage().inodes) == (1, 0)


def test_a_fork_for_some_of_the_file_tables_lets_the_others_files_go(fs: FileSystem) -> None:
    mine, theirs = (fs.open(fs.root, f"/tmp/{name}", create=True) for name in "ab")
    fs.write(theirs, 0, b"abc")
    for name in "ab":
        fs.unlink(fs.root, f"/tmp/{name}")
    fork = fs.fork(opens={mine: 1})
    assert (fs.usage(), fork.usage()) == (Usage(3, 2), Usage(0, 1))
    fork.release(mine)
    assert fork.usage() == Usage(0, 0)


def test_a_fork_has_its_own_clock_if_it_is_given_one(fs: FileSystem) -> None:
    fork = fs.fork(lambda: 77)
    assert fork.stat(fork.mkdir(fork.root, "/tmp/d")).mtime_ns == 77
    assert fs.stat(fs.mkdir(fs.root, "/tmp/d")).mtime_ns == 1_000


def test_a_deep_chain_of_forks_stays_shallow_and_right(base: Base, clock) -> None:
    fs = FileSystem(base, Quota(10_000, 300), clock)
    line = [fs]
    for number in range(100):
        write(fs, f"/tmp/{number}", b"%d" % number)
        write(fs, "/tmp/last", b"%d" % number)
        if number % 3 == 0:
            fs.unlink(fs.root, f"/tmp/{number}")
        fs = fs.fork()
        line.append(fs)
        assert fs._volume.layers.depth <= MAX_SEALED
    assert content(fs, "/tmp/last") == b"99"
    assert sorted(names(fs, "/tmp")) == sorted([*(str(n) for n in range(100) if n % 3), "last"])
    assert content(line[50], "/tmp/last") == b"50"
    assert fs.usage() == Usage(bytes=sum(len(str(n)) for n in range(100) if n % 3) + 2, inodes=67)


def test_forks_of_forks_share_unchanged_content(fs: FileSystem) -> None:
    ino = write(fs, "/tmp/f", b"x" * 500)
    forks = [fs.fork() for _ in range(10)]
    held = {id(fork._volume.layers.get(ino)) for fork in forks}
    assert len(held) == 1
