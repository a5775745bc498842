"""How many instances there may be at once."""

import gc

import pytest

from tests.engine.guests import new_guest
from wasm_interp import LimitExceeded
from wasm_interp._core.engine import room as the_room
from wasm_interp._core.engine.room import Room

EMPTY = '(module (memory (export "memory") 1))'


class Owner:
    """Stands for an instance."""


def test_so_many_places_can_be_taken_and_one_more_is_refused() -> None:
    room, first, second = Room(2), Owner(), Owner()
    room.take(first)
    room.check()
    room.take(second)
    for attempt in (room.check, lambda: room.take(Owner())):
        with pytest.raises(
            LimitExceeded, match=r"^this process has 2 live contexts; more could meet its system's limit"
        ):
            attempt()
    room.give_back(first)
    room.give_back(first)
    room.take(Owner())


def test_who_is_collected_gives_its_place_back() -> None:
    room, owner = Room(1), Owner()
    room.take(owner)
    del owner
    gc.collect()
    room.check()


def test_an_instance_has_a_place_until_it_is_closed() -> None:
    gc.collect()
    before = len(the_room()._taken)
    guest = new_guest(EMPTY)
    assert len(the_room()._taken) == before + 1
    guest.close()
    assert len(the_room()._taken) == before


def test_linux_has_room_for_thousands() -> None:
    assert the_room()._places >= 4_000
