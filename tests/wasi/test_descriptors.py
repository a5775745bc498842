"""The file table: which number is next, how many there may be, what is kept alive, and the table as data."""

import pytest

from wasm_interp._core.vfs import FileSystem, FileSystemError
from wasm_interp._core.wasi.descriptors import Descriptor, FileTable, Stream, first_table, stream_descriptor


def opened(fs: FileSystem, name: str) -> Descriptor:
    """A descriptor of a new file, retained."""
    return Descriptor(fs.open(fs.root, name, create=True))


@pytest.fixture
def table(fs: FileSystem) -> FileTable:
    return FileTable(fs, 8, first_table((("/", fs.root),)))


def numbers(table: FileTable) -> list[int]:
    return [number for number, _ in table.save()]


def is_alive(fs: FileSystem, ino: int) -> bool:
    try:
        fs.stat(ino)
    except FileSystemError:
        return False
    return True


def test_a_guest_starts_with_three_streams_and_its_folders(fs: FileSystem) -> None:
    fixed = fs.resolve(fs.root, "fixed")
    assert first_table((("/", fs.root), ("/fixed", fixed))) == (
        (0, Descriptor(-1, True, False, stream=Stream.STDIN)),
        (1, Descriptor(-1, False, True, stream=Stream.STDOUT)),
        (2, Descriptor(-1, False, True, stream=Stream.STDERR)),
        (3, Descriptor(fs.root, preopen="/")),
        (4, Descriptor(fixed, preopen="/fixed")),
    )


def test_the_lowest_free_number_is_next(fs: FileSystem, table: FileTable) -> None:
    assert [table.add(opened(fs, name)) for name in "abc"] == [4, 5, 6]
    for number in (5, 1, 4):
        table.close(number)
    assert [table.add(opened(fs, name)) for name in "defg"] == [1, 4, 5, 7]


def test_the_lowest_free_number_is_next_in_a_restored_table_too(fs: FileSystem) -> None:
    table = FileTable(fs, 8, ((1, stream_descriptor(Stream.STDOUT)), (4, Descriptor(fs.root))))
    assert [table.add(opened(fs, name)) for name in "abcd"] == [0, 2, 3, 5]


def test_one_more_than_the_limit_is_mfile(fs: FileSystem, table: FileTable) -> None:
    for name in "abcd":
        table.add(opened(fs, name))
    assert len(table) == 8
    with pytest.raises(FileSystemError, match=r"^MFILE$"):
        table.check_room()
    with pytest.raises(FileSystemError, match=r"^MFILE$"):
        table.add(opened(fs, "e"))
    table.close(5)
    assert table.add(opened(fs, "f")) == 5


@pytest.mark.parametrize("number", [4, 77, -1, 2**32 - 1])
def test_a_number_that_is_not_open_is_badf(table: FileTable, number: int) -> None:
    for call in (table.get, table.close, lambda bad: table.renumber(bad, 0), lambda bad: table.renumber(0, bad)):
        with pytest.raises(FileSystemError, match=r"^BADF$"):
            call(number)
    assert numbers(table) == [0, 1, 2, 3]


def test_a_number_closed_twice_is_badf_and_is_given_out_once(fs: FileSystem, table: FileTable) -> None:
    table.add(opened(fs, "a"))
    table.close(4)
    with pytest.raises(FileSystemError, match=r"^BADF$"):
        table.close(4)
    assert [table.add(opened(fs, name)) for name in "bc"] == [4, 5]


def test_a_file_without_a_name_lives_until_its_last_descriptor_is_closed(fs: FileSystem, table: FileTable) -> None:
    first, second = table.add(opened(fs, "a")), table.add(opened(fs, "a"))
    ino = table.get(first).ino
    fs.unlink(fs.root, "a")
    table.close(first)
    assert is_alive(fs, ino)
    table.close(second)
    assert not is_alive(fs, ino)


def test_renumber_closes_what_it_replaces(fs: FileSystem, table: FileTable) -> None:
    kept, replaced = table.add(opened(fs, "a")), table.add(opened(fs, "b"))
    kept_ino, replaced_ino = table.get(kept).ino, table.get(replaced).ino
    fs.unlink(fs.root, "a")
    fs.unlink(fs.root, "b")
    table.renumber(kept, replaced)
    assert not is_alive(fs, replaced_ino)
    assert table.get(replaced).ino == kept_ino
    assert numbers(table) == [0, 1, 2, 3, replaced]
    assert table.add(opened(fs, "c")) == kept


def test_renumber_to_itself_changes_nothing(fs: FileSystem, table: FileTable) -> None:
    fd = table.add(opened(fs, "a"))
    table.renumber(fd, fd)
    fs.unlink(fs.root, "a")
    assert is_alive(fs, table.get(fd).ino)


def test_closed_and_replaced_streams_come_back(fs: FileSystem, table: FileTable) -> None:
    table.close(0)
    table.close(2)
    table.renumber(table.add(opened(fs, "a")), 1)  # takes 0, leaves it again
    ino = table.get(1).ino
    fs.unlink(fs.root, "a")
    table.open_streams()
    assert [table.get(number).stream for number in (0, 1, 2)] == [Stream.STDIN, Stream.STDOUT, Stream.STDERR]
    assert not is_alive(fs, ino)
    assert table.add(opened(fs, "b")) == 4


def test_streams_come_back_to_a_table_that_never_had_them(fs: FileSystem) -> None:
    table = FileTable(fs, 8)
    table.open_streams()
    assert numbers(table) == [0, 1, 2]
    assert table.add(opened(fs, "a")) == 3


def test_streams_that_are_in_place_keep_their_flags(table: FileTable) -> None:
    table.get(1).flags = 4
    table.open_streams()
    assert table.get(1).flags == 4


def test_a_stream_that_took_anothers_place_is_put_right(table: FileTable) -> None:
    table.renumber(2, 1)
    table.open_streams()
    assert [table.get(number).stream for number in (0, 1, 2)] == [Stream.STDIN, Stream.STDOUT, Stream.STDERR]


def test_a_saved_table_is_data_that_later_use_does_not_change(fs: FileSystem, table: FileTable) -> None:
    fd = table.add(opened(fs, "a"))
    table.get(fd).offset = 7
    saved = table.save()
    table.get(fd).offset = 9
    table.close(fd)
    assert [(number, each.offset) for number, each in saved] == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 7)]


def test_a_restored_table_keeps_files_of_its_own_open(fs: FileSystem, table: FileTable) -> None:
    fd = table.add(opened(fs, "a"))
    table.get(fd).offset = 7
    ino = table.get(fd).ino
    restored = FileTable(fs, 8, table.save())
    fs.unlink(fs.root, "a")
    table.close(fd)
    assert is_alive(fs, ino)
    restored.get(fd).offset = 9
    assert restored.save()[fd][1].offset == 9
    restored.close(fd)
    assert not is_alive(fs, ino)


def test_two_tables_restored_from_one_do_not_share_offsets(fs: FileSystem, table: FileTable) -> None:
    table.add(opened(fs, "a"))
    one, two = FileTable(fs, 8, table.save()), FileTable(fs, 8, table.save())
    one.get(4).offset = 5
    assert two.get(4).offset == 0


def test_close_all_lets_every_file_go(fs: FileSystem, table: FileTable) -> None:
    inodes = [table.get(table.add(opened(fs, name))).ino for name in "ab"]
    for name in "ab":
        fs.unlink(fs.root, name)
    table.close_all()
    table.close_all()
    assert len(table) == 0
    assert not any(is_alive(fs, ino) for ino in inodes)


def test_a_table_that_names_a_file_that_is_gone_keeps_nothing_open(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "a", create=True)
    saved = ((3, Descriptor(ino)), (4, Descriptor(99_999)))
    with pytest.raises(FileSystemError, match=r"^BADF$"):
        FileTable(fs, 8, saved)
    fs.unlink(fs.root, "a")
    fs.release(ino)
    assert not is_alive(fs, ino)
