import os
from pathlib import Path

import pytest

from wasm_interp._core.images.image import PAGE_BYTES, Image, Layer, Run, whole_file_image, write_pages

PAGE = b"\x01" * PAGE_BYTES
HOLE = bytes(PAGE_BYTES)
ALMOST_A_HOLE = bytes(PAGE_BYTES - 1) + b"\x02"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "image"
    with path.open("wb") as file:
        write_pages(memoryview(content), file)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"",
        PAGE,
        HOLE,
        HOLE + PAGE,
        PAGE + HOLE,  # a hole at the end still counts in the file's size
        PAGE + HOLE + HOLE + PAGE + HOLE,
        ALMOST_A_HOLE + HOLE + ALMOST_A_HOLE,
    ],
)
def test_the_file_reads_as_the_memory_was(tmp_path: Path, content: bytes) -> None:
    assert written(tmp_path, content).read_bytes() == content


def test_pages_of_zeros_are_holes(tmp_path: Path) -> None:
    path = written(tmp_path, HOLE * 64 + PAGE + HOLE * 64)
    assert path.stat().st_size == 129 * PAGE_BYTES
    assert os.stat(path).st_blocks * 512 < 8 * PAGE_BYTES


def test_a_whole_file_is_one_layer_of_one_run() -> None:
    assert whole_file_image(7, 3 * PAGE_BYTES) == Image(
        size_bytes=196_608, layers=(Layer(descriptor=7, runs=(Run(address=0, length=196_608, file_offset=0),)),)
    )
