import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_interp import ProtocolError
from wasm_interp._core.protocol.frames import (
    MAX_FRAME_BYTES,
    MAX_FRAMES_AT_ONCE,
    Frame,
    FrameDecoder,
    FrameKind,
    encode_frame,
)

MAGIC = b"\xf7WI\x01"
FRAMES = st.lists(st.builds(Frame, st.sampled_from(FrameKind), st.binary(max_size=40)), max_size=6)


def header(*, kind: int, length: int, magic: bytes = MAGIC) -> bytes:
    return magic + bytes([kind, 0]) + struct.pack("<I", length)


def encoded(frames: list[Frame]) -> bytes:
    return b"".join(encode_frame(frame.kind, frame.payload) for frame in frames)


def test_a_frame_is_magic_kind_zero_length_payload() -> None:
    assert encode_frame(FrameKind.DONE, b"{}") == b"\xf7WI\x01\x03\x00\x02\x00\x00\x00{}"


def test_decoder_reads_frames_in_order() -> None:
    data = b"\xf7WI\x01\x01\x00\x03\x00\x00\x00abc" + b"\xf7WI\x01\x03\x00\x00\x00\x00\x00"
    assert FrameDecoder().receive_data(data) == [Frame(FrameKind.RESULT, b"abc"), Frame(FrameKind.DONE, b"")]


@pytest.mark.parametrize(
    ("number", "kind"), [(1, "RESULT"), (2, "ERROR"), (3, "DONE"), (4, "INPUT"), (5, "CLEAR"), (6, "UPDATE")]
)
def test_every_kind_has_its_number(number: int, kind: str) -> None:
    assert FrameDecoder().receive_data(header(kind=number, length=0)) == [Frame(FrameKind[kind], b"")]


def test_no_bytes_are_no_frames() -> None:
    decoder = FrameDecoder()
    assert decoder.receive_data(b"") == []
    assert decoder.pending_bytes == 0


@pytest.mark.parametrize("cut", range(1, 23))
def test_a_frame_may_be_cut_anywhere(cut: int) -> None:
    data = header(kind=1, length=3) + b"abc" + header(kind=3, length=0)
    decoder = FrameDecoder()
    first = decoder.receive_data(data[:cut])
    assert decoder.pending_bytes == (cut if cut < 13 else cut - 13)
    assert first + decoder.receive_data(data[cut:]) == [Frame(FrameKind.RESULT, b"abc"), Frame(FrameKind.DONE, b"")]
    assert decoder.pending_bytes == 0


def test_a_frame_may_come_byte_by_byte() -> None:
    decoder = FrameDecoder()
    data = header(kind=2, length=4) + b"\xf7WI\x01"  # a payload that looks like a header
    received = [decoder.receive_data(data[at : at + 1]) for at in range(len(data))]
    assert received == [[]] * 13 + [[Frame(FrameKind.ERROR, MAGIC)]]


def test_decoder_refuses_a_length_past_the_cap() -> None:
    with pytest.raises(ProtocolError, match=r"^frame of 16777217 bytes exceeds 16777216$"):
        FrameDecoder().receive_data(header(kind=FrameKind.RESULT, length=16 * 2**20 + 1))


def test_decoder_refuses_the_largest_length_before_any_of_it_comes() -> None:
    with pytest.raises(ProtocolError, match=r"^frame of 4294967295 bytes exceeds 16777216$"):
        FrameDecoder().receive_data(header(kind=FrameKind.RESULT, length=2**32 - 1))


def test_decoder_takes_a_frame_of_exactly_the_cap() -> None:
    decoder = FrameDecoder()
    payload = bytes(MAX_FRAME_BYTES)
    assert decoder.receive_data(header(kind=1, length=len(payload))) == []
    assert decoder.receive_data(payload) == [Frame(FrameKind.RESULT, payload)]


def test_decoder_takes_so_many_frames_at_once_and_refuses_one_more() -> None:
    decoder, done = FrameDecoder(), header(kind=3, length=0)
    assert len(decoder.receive_data(done * MAX_FRAMES_AT_ONCE)) == MAX_FRAMES_AT_ONCE == 64
    with pytest.raises(ProtocolError, match=r"^more than 64 frames at once$"):
        decoder.receive_data(done * 65)
    assert len(decoder.receive_data(done)) == 1


def test_a_frame_that_comes_in_small_parts_is_not_copied_at_each() -> None:
    """A million parts of a frame of 16 MB: a copy of what is there at each would take hours."""
    decoder, part = FrameDecoder(), bytes(16)
    decoder.receive_data(header(kind=1, length=MAX_FRAME_BYTES))
    for _ in range(MAX_FRAME_BYTES // 16 - 1):
        decoder.receive_data(part)
    assert decoder.receive_data(part) == [Frame(FrameKind.RESULT, bytes(MAX_FRAME_BYTES))]


@pytest.mark.parametrize("kind", [0, 8, 255])
def test_decoder_refuses_an_unknown_kind(kind: int) -> None:
    with pytest.raises(ProtocolError, match=rf"^frame of unknown kind {kind}$"):
        FrameDecoder().receive_data(header(kind=kind, length=0))


def test_decoder_refuses_another_version_of_the_magic() -> None:
    with pytest.raises(ProtocolError, match=r"^no frame begins with b'\\xf7WI\\x02'$"):
        FrameDecoder().receive_data(header(kind=1, length=0, magic=b"\xf7WI\x02"))


def test_decoder_refuses_garbage_at_its_first_byte() -> None:
    with pytest.raises(ProtocolError, match=r"^no frame begins with b'h'$"):
        FrameDecoder().receive_data(b"h")


def test_garbage_after_a_frame_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"^no frame begins with b'xx'$"):
        FrameDecoder().receive_data(header(kind=3, length=0) + b"xx")


@pytest.mark.parametrize(
    "nonsense", [b"print('hello')", header(kind=99, length=0), header(kind=1, length=2**31), MAGIC[:2] + b"\0"]
)
def test_after_nonsense_the_next_frame_is_read(nonsense: bytes) -> None:
    decoder = FrameDecoder()
    with pytest.raises(ProtocolError):
        decoder.receive_data(nonsense)
    assert decoder.pending_bytes == 0
    assert decoder.receive_data(header(kind=3, length=0)) == [Frame(FrameKind.DONE, b"")]


def test_nonsense_that_completes_a_held_header_is_dropped_with_it() -> None:
    decoder = FrameDecoder()
    assert decoder.receive_data(MAGIC) == []
    with pytest.raises(ProtocolError, match=r"^frame of unknown kind 33$"):
        decoder.receive_data(b"!!!!!!")
    assert decoder.pending_bytes == 0


def test_decoder_holds_at_most_one_frame() -> None:
    decoder = FrameDecoder()
    assert len(decoder.receive_data(header(kind=1, length=1000) + bytes(1000) + header(kind=1, length=5) + b"abc")) == 1
    assert decoder.pending_bytes == 13
    held = decoder.receive_data(b"de" + header(kind=1, length=MAX_FRAME_BYTES) + bytes(MAX_FRAME_BYTES - 1))
    assert held == [Frame(FrameKind.RESULT, b"abcde")]
    assert decoder.pending_bytes == 10 + MAX_FRAME_BYTES - 1
    assert len(decoder.receive_data(b"\0")) == 1
    assert decoder.pending_bytes == 0


@given(FRAMES, st.lists(st.integers(0, 300), max_size=12))
def test_any_split_of_any_frames_decodes_to_the_same_frames(frames: list[Frame], cuts: list[int]) -> None:
    data = encoded(frames)
    places = sorted(min(cut, len(data)) for cut in cuts)
    parts = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    decoder = FrameDecoder()
    assert [frame for part in parts for frame in decoder.receive_data(part)] == frames
    assert decoder.pending_bytes == 0


@given(st.lists(st.one_of(st.binary(max_size=30), FRAMES.map(encoded), st.just(MAGIC)), max_size=8), FRAMES)
def test_any_bytes_raise_nothing_but_protocol_error(parts: list[bytes], frames: list[Frame]) -> None:
    decoder = FrameDecoder()
    held = 0
    for part in parts:
        try:
            decoder.receive_data(part)
        except ProtocolError:
            assert decoder.pending_bytes == 0
        assert decoder.pending_bytes <= held + len(part)
        held = decoder.pending_bytes
    if not held:
        assert decoder.receive_data(encoded(frames)) == frames
