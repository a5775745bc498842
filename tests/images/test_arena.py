"""Regions of the one file: apart from each other, and gone when nobody holds them."""

from __future__ import annotations

import os
import random
import threading

import pytest

from tests.images.linear_memory import HOST_PAGE, NEEDS_LINUX
from wasm_interp._core.images import arena as arenas
from wasm_interp._core.images.arena import Arena, Region

pytestmark = NEEDS_LINUX
MIB = 1 << 20


def read(region: Region, address: int, length: int) -> bytes:
    return os.pread(region.descriptor, length, region.offset + address)


def used_bytes(region: Region) -> int:
    return os.fstat(region.descriptor).st_blocks * 512


def test_a_region_holds_what_was_written_where_it_was_written() -> None:
    region = Arena().new_region()
    region.write(3 * HOST_PAGE, memoryview(b"data"))
    assert read(region, 3 * HOST_PAGE - 1, 6) == b"\0data\0"


def test_regions_are_apart_to_their_last_byte() -> None:
    arena = Arena()
    first, second = arena.new_region(), arena.new_region()
    first.write((4 << 30) - HOST_PAGE, memoryview(b"1" * HOST_PAGE))
    second.write(0, memoryview(b"2" * HOST_PAGE))
    assert read(first, (4 << 30) - HOST_PAGE, HOST_PAGE) == b"1" * HOST_PAGE
    assert read(second, 0, HOST_PAGE) == b"2" * HOST_PAGE
    assert used_bytes(first) == 2 * HOST_PAGE


def test_a_region_costs_what_was_written_to_it() -> None:
    region = Arena().new_region()
    assert used_bytes(region) == 0
    region.write(1 << 30, memoryview(bytes(5 * MIB)))
    assert 5 * MIB <= used_bytes(region) < 6 * MIB


def test_memory_is_back_with_the_last_holder_and_no_earlier() -> None:
    region = Arena().new_region()
    region.write(0, memoryview(b"x" * MIB))
    region.retain()
    region.release()
    assert used_bytes(region) == MIB
    region.release()
    assert used_bytes(region) == 0


def test_a_region_that_was_freed_is_used_again_and_is_empty() -> None:
    arena = Arena()
    first = arena.new_region()
    first.write(0, memoryview(b"secret"))
    first.release()
    second = arena.new_region()
    assert second.offset == first.offset
    assert read(second, 0, 6) == bytes(6)


def test_the_end_of_the_regions_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arenas, "_MOST_REGIONS", 2)
    arena = Arena()
    regions = [arena.new_region() for _ in range(2)]
    with pytest.raises(MemoryError, match=r"^2 images are kept already$"):
        arena.new_region()
    regions[0].release()
    assert arena.new_region().offset == regions[0].offset


def test_threads_get_regions_of_their_own() -> None:
    arena = Arena()
    failures: list[str] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        for round_ in range(60):
            region = arena.new_region()
            mark = f"{number}:{round_}".encode().ljust(64)
            place = chance.randrange(1_000) * HOST_PAGE
            region.write(place, memoryview(mark))
            region.retain()
            region.release()
            if read(region, place, 64) != mark:
                failures.append(f"{mark!r} became {read(region, place, 64)!r}")
            region.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert used_bytes(arena.new_region()) == 0


def test_a_write_without_room_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(28, "no space")

    region = Arena().new_region()
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="no space"):
        region.write(0, memoryview(b"x"))


@pytest.mark.parametrize("piece", [1, 7, 4_096])
def test_a_write_in_pieces_is_whole(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    region = Arena().new_region()
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:piece], at))
    region.write(100, memoryview(bytes(range(200))))
    assert read(region, 100, 200) == bytes(range(200))


def test_other_systems_have_no_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    arenas._arena.cache_clear()
    monkeypatch.setattr("sys.platform", "darwin")
    assert arenas.arena() is None
    arenas._arena.cache_clear()


def test_a_child_process_leaves_the_regions_of_its_parent_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    arena = Arena()
    region = arena.new_region()
    region.write(0, memoryview(b"parent"))
    real = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    with pytest.raises(PermissionError, match="belongs to the parent process"):
        region.write(0, memoryview(b"child!"))
    with pytest.raises(PermissionError, match="belongs to the parent process"):
        arena.new_region()
    region.release()
    assert read(region, 0, 6) == b"parent"
