"""GuestMemory: nothing outside, whatever the numbers; growth is noticed; after close there is nothing."""

import struct

import pytest

from wasm_interp._core.vfs import Errno, FileSystemError
from wasm_interp._core.wasi.memory import GuestMemory

PAIR = struct.Struct("<II")
LAST = 2**32 - 1


class Linear:
    """Memory that can grow, and counts how often it was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.asked = 0

    def __call__(self) -> memoryview:
        self.asked += 1
        return memoryview(self.content)


@pytest.mark.parametrize(
    ("pointer", "length"), [(8, 1), (9, 0), (7, 2), (0, 9), (LAST, 1), (LAST, LAST), (1, LAST), (LAST, 0)]
)
def test_what_is_not_all_inside_is_a_fault(pointer: int, length: int) -> None:
    memory = GuestMemory(Linear(b"12345678"))
    with pytest.raises(FileSystemError, match=r"^FAULT$"):
        memory.slice(pointer, length)
    with pytest.raises(FileSystemError, match=r"^FAULT$"):
        memory.read(pointer, length)
    with pytest.raises(FileSystemError, match=r"^FAULT$"):
        memory.text(pointer, length)


@pytest.mark.parametrize(("pointer", "length"), [(0, 8), (8, 0), (7, 1), (0, 0)])
def test_the_last_byte_is_inside(pointer: int, length: int) -> None:
    assert GuestMemory(Linear(b"12345678")).read(pointer, length) == b"12345678"[pointer : pointer + length]


@pytest.mark.parametrize("pointer", [1, 5, 8, LAST - 7, LAST])
def test_a_store_over_the_end_changes_nothing(pointer: int) -> None:
    linear = Linear(b"12345678")
    memory = GuestMemory(linear)
    for store in (
        lambda: memory.write(pointer, b"abcdefgh"),
        lambda: memory.write_u64(pointer, 0),
        lambda: memory.pack(PAIR, pointer, 1, 2),
        lambda: memory.unpack(PAIR, pointer),
    ):
        with pytest.raises(FileSystemError, match=r"^FAULT$"):
            store()
    assert linear.content == b"12345678"


def test_numbers_are_little_endian_and_unsigned() -> None:
    linear = Linear(bytes(16))
    memory = GuestMemory(linear)
    memory.write_u32(1, 0xF1F2F3F4)
    memory.write_u64(8, 0xF1F2F3F4F5F6F7F8)
    assert linear.content == bytes.fromhex("00 f4f3f2f1 000000 f8f7f6f5f4f3f2f1")
    assert memory.unpack(PAIR, 8) == (0xF5F6F7F8, 0xF1F2F3F4)


def test_a_number_that_does_not_fit_is_a_struct_error() -> None:
    with pytest.raises(struct.error):
        GuestMemory(Linear(bytes(8))).write_u32(0, 2**32)


def test_a_slice_is_the_memory_itself() -> None:
    linear = Linear(b"12345678")
    GuestMemory(linear).slice(2, 3)[:] = b"abc"
    assert linear.content == b"12abc678"


def test_growth_is_noticed_at_the_first_pointer_past_the_old_end() -> None:
    linear = Linear(b"1234")
    memory = GuestMemory(linear)
    assert memory.read(0, 4) == b"1234"
    linear.content = bytearray(b"12345678")
    assert memory.read(4, 4) == b"5678"
    assert len(memory.whole()) == 8


def test_the_memory_is_asked_for_only_when_a_pointer_lies_past_what_was_seen() -> None:
    linear = Linear(b"1234")
    memory = GuestMemory(linear)
    for _ in range(5):
        memory.read(0, 4)
    assert linear.asked == 1


def test_after_close_there_is_nothing() -> None:
    linear = Linear(b"1234")
    memory = GuestMemory(linear)
    memory.read(0, 4)
    memory.close()
    for pointer, length in [(0, 1), (0, 4), (3, 1)]:
        with pytest.raises(FileSystemError, match=r"^FAULT$"):
            memory.slice(pointer, length)
    assert len(memory.whole()) == 0
    assert linear.asked == 1


def test_text_is_utf_8() -> None:
    memory = GuestMemory(Linear("ä\0b".encode()))
    assert memory.text(0, 4) == "ä\0b"
    with pytest.raises(FileSystemError) as caught:
        memory.text(0, 1)
    assert caught.value.errno is Errno.ILSEQ


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\x80"])
def test_text_that_is_none_is_ilseq(data: bytes) -> None:
    with pytest.raises(FileSystemError, match=r"^ILSEQ$"):
        GuestMemory(Linear(data)).text(0, len(data))
