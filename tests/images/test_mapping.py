"""Both mappers on plain memory of this process, in the place of an instance's."""

import ctypes
import errno
import mmap
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wasm_interp._core.images.image import PAGE_BYTES, Image, Layer, Run, whole_file_image
from wasm_interp._core.images.mapping import CopyMapper, CopyOnWriteMapper, Mapper, default_mapper

PAGES = 4
NO_MMAP = pytest.mark.skipif(sys.platform == "win32", reason="this system has no copy-on-write mappings")


@pytest.fixture(params=[CopyMapper, pytest.param(CopyOnWriteMapper, marks=NO_MMAP)])
def mapper(request: pytest.FixtureRequest) -> Mapper:
    made: Mapper = request.param()
    return made


class Memory:
    """Anonymous memory that stays mapped until the process ends, as its middle may be mapped over."""

    def __init__(self, pages: int = PAGES) -> None:
        self._mmap = mmap.mmap(-1, pages * PAGE_BYTES)
        self._mmap[:] = b"\xee" * (pages * PAGE_BYTES)
        self.bytes = (ctypes.c_ubyte * (pages * PAGE_BYTES)).from_buffer(self._mmap)
        self.address = ctypes.addressof(self.bytes)

    def pages(self) -> list[bytes]:
        """The first byte of each page, four times where all of a page is equal to it."""
        content = bytes(self.bytes)
        parts = [content[start : start + PAGE_BYTES] for start in range(0, len(content), PAGE_BYTES)]
        return [part[:1] if part == part[:1] * PAGE_BYTES else part for part in parts]


@pytest.fixture
def layer_file(tmp_path: Path) -> Iterator[int]:
    """Four pages of A, B, C and D."""
    path = tmp_path / "layer"
    path.write_bytes(b"".join(letter * PAGE_BYTES for letter in (b"A", b"B", b"C", b"D")))
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_a_whole_image_is_placed(mapper: Mapper, layer_file: int) -> None:
    memory = Memory()
    mapper.place(whole_file_image(layer_file, PAGES * PAGE_BYTES), memory.address)
    assert memory.pages() == [b"A", b"B", b"C", b"D"]


def test_runs_go_where_they_say_and_leave_the_rest(mapper: Mapper, layer_file: int) -> None:
    memory = Memory()
    runs = (Run(0, PAGE_BYTES, 3 * PAGE_BYTES), Run(2 * PAGE_BYTES, PAGE_BYTES, PAGE_BYTES))
    mapper.place(Image(PAGES * PAGE_BYTES, (Layer(layer_file, runs),)), memory.address)
    assert memory.pages() == [b"D", b"\xee", b"B", b"\xee"]


def test_a_later_layer_lies_over_an_earlier_one(mapper: Mapper, layer_file: int) -> None:
    memory = Memory()
    whole = Layer(layer_file, (Run(0, PAGES * PAGE_BYTES, 0),))
    above = Layer(layer_file, (Run(PAGE_BYTES, 2 * PAGE_BYTES, 2 * PAGE_BYTES),))
    mapper.place(Image(PAGES * PAGE_BYTES, (whole, above)), memory.address)
    assert memory.pages() == [b"A", b"C", b"D", b"D"]


def test_holes_of_the_file_are_zeros(mapper: Mapper, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.seek(PAGE_BYTES)
        file.write(b"x" * PAGE_BYTES)
        file.truncate(PAGES * PAGE_BYTES)
    memory = Memory()
    with path.open("rb") as file:
        mapper.place(whole_file_image(file.fileno(), PAGES * PAGE_BYTES), memory.address)
    assert memory.pages() == [b"\0", b"x", b"\0", b"\0"]


def test_what_one_memory_writes_no_other_sees(mapper: Mapper, layer_file: int) -> None:
    image = whole_file_image(layer_file, PAGES * PAGE_BYTES)
    first, second = Memory(), Memory()
    mapper.place(image, first.address)
    mapper.place(image, second.address)
    first.bytes[0] = 0xFF
    third = Memory()
    mapper.place(image, third.address)
    assert first.bytes[0] == 0xFF
    assert second.pages() == third.pages() == [b"A", b"B", b"C", b"D"]
    assert os.pread(layer_file, 1, 0) == b"A"


def test_placing_again_undoes_what_was_written(mapper: Mapper, layer_file: int) -> None:
    image = whole_file_image(layer_file, PAGES * PAGE_BYTES)
    memory = Memory()
    mapper.place(image, memory.address)
    memory.bytes[PAGE_BYTES] = 0xFF
    mapper.place(image, memory.address)
    assert memory.pages() == [b"A", b"B", b"C", b"D"]


def test_the_file_position_is_of_no_account(mapper: Mapper, layer_file: int) -> None:
    os.lseek(layer_file, 12_345, os.SEEK_SET)
    memory = Memory()
    mapper.place(whole_file_image(layer_file, PAGES * PAGE_BYTES), memory.address)
    assert memory.pages() == [b"A", b"B", b"C", b"D"]


def test_copying_a_file_that_ends_early_is_an_error(layer_file: int) -> None:
    memory = Memory(5)
    with pytest.raises(OSError, match=r"^an image ends 65536 bytes early$"):
        CopyMapper().place(whole_file_image(layer_file, 5 * PAGE_BYTES), memory.address)


@NO_MMAP
def test_a_mapping_that_the_system_refuses_is_an_error(layer_file: int) -> None:
    memory = Memory()
    misaligned = Image(PAGE_BYTES, (Layer(layer_file, (Run(0, PAGE_BYTES, 1),)),))
    with pytest.raises(OSError, match=r"cannot map 65536 bytes of an image: ") as caught:
        CopyOnWriteMapper().place(misaligned, memory.address)
    assert caught.value.errno == errno.EINVAL
    assert memory.pages() == [b"\xee"] * PAGES


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's account of this process's memory")
@pytest.mark.parametrize(("mapper_type", "share"), [(CopyOnWriteMapper, 0), (CopyMapper, 1)])
def test_only_a_copy_takes_memory_of_its_own(tmp_path: Path, mapper_type: type[Mapper], share: int) -> None:
    size = 512 * PAGE_BYTES
    path = tmp_path / "large"
    path.write_bytes(b"L" * size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_ubyte.from_buffer(memory))
    with path.open("rb") as file:
        before = own_bytes()
        mapper_type().place(whole_file_image(file.fileno(), size), address)
        assert memory[:] == b"L" * size
        assert round((own_bytes() - before) / size) == share


def own_bytes() -> int:
    """Memory of this process that no file holds."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def test_the_default_is_copy_on_write_where_the_system_has_it() -> None:
    assert isinstance(default_mapper(), CopyMapper if sys.platform == "win32" else CopyOnWriteMapper)
