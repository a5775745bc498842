"""An image is built once, and sandboxes start from it with all that its setup made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.snapshots.arena_use import bytes_in_use, mappings_left
from wasm_interp import Image, LimitExceeded, Limits, Sandbox, Snapshot, SnapshotError, SnapshotMismatch, UsageError
from wasm_interp._core.private_folder import cache_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="images need memfd_create and pagemap")

SETUP = """
import os, random
random.seed(5)
model = [random.random() for _ in range(1000)]
helper = open("data/names")
open("made", "w").write("by setup")
print("built")
"""
FILES = {"data/names": "ada\nbo\n"}


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with Image.build(setup=SETUP, files=FILES) as built:
        yield built
    Image.remove(built.key)


def test_sandboxes_start_from_it(image: Image) -> None:
    with Sandbox(image=image, env_vars={"A": "b"}) as sandbox:
        context = sandbox.create_code_context(cwd="/tmp/here", env_vars={"C": "d"})
        found = context.run("len(model), helper.read(), os.getcwd(), os.environ['A'], os.environ['C']")
        assert found.text == "(1000, 'ada\\nbo\\n', '/tmp/here', 'b', 'd')"
        assert found.execution_count == 1
        assert sandbox.files.read_text("made") == "by setup"


def test_sandboxes_and_contexts_of_it_share_nothing_but_the_start(image: Image) -> None:
    with Sandbox(image=image) as first, Sandbox(image=image) as second:
        assert first.run_code("model.clear(); helper.read(); open('made', 'w').write('x')").error is None
        assert first.create_code_context().run("len(model), helper.readline()").text == "(1000, 'ada\\n')"
        assert second.run_code("len(model), helper.readline()").text == "(1000, 'ada\\n')"
        assert (first.files.read_text("made"), second.files.read_text("made")) == ("x", "by setup")


def test_what_setup_seeded_goes_on_and_the_rest_is_fresh(image: Image) -> None:
    drawn = []
    for _ in range(2):
        with Sandbox(image=image) as sandbox:
            drawn.append(sandbox.run_code("import numpy; [random.random(), numpy.random.rand()]").results[0].json)
    assert drawn[0][0] == drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_building_the_same_again_finds_it_in_the_cache(image: Image) -> None:
    with Image.build(setup=SETUP, files=FILES) as again:
        assert again.key == image.key
    others = [Image.build(setup=SETUP + "\n", files=FILES), Image.build(setup=SETUP, files={"data/names": "cy"})]
    assert len({image.key, *(each.key for each in others)}) == 3
    for each in others:
        each.close()
        Image.remove(each.key)


def test_files_from_this_machine(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("dee")
    with Image.build(setup="name = open('n').read()", files={"n": tmp_path / "names", "/tmp/b": b"\0"}) as image:
        with Sandbox(image=image) as sandbox:
            assert sandbox.run_code("name, open('/tmp/b', 'rb').read()").text == "('dee', b'\\x00')"
        Image.remove(image.key)


def test_it_is_there_in_another_process(image: Image) -> None:
    program = f"from wasm_interp import *; print(Sandbox(image=Image.load({image.key!r})).run_code('len(model)').text)"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.stdout == "1000\n", done.stderr


def test_forks_and_snapshots_of_a_sandbox_from_an_image(image: Image) -> None:
    with Sandbox(image=image) as sandbox:
        sandbox.run_code("model.append('mine')")
        snapshot = sandbox.snapshot().to_bytes()
        with sandbox.fork() as twin:
            assert twin.run_code("len(model), model[-1]").text == "(1001, 'mine')"
            assert twin.create_code_context().run("len(model)").text == "1000"
    with Sandbox.from_snapshot(Snapshot.from_bytes(snapshot)) as resumed:
        assert resumed.run_code("len(model), helper.readline()").text == "(1001, 'ada\\n')"


def test_contexts_of_other_languages_begin_as_ever(image: Image) -> None:
    with Sandbox(image=image) as sandbox:
        result = sandbox.run_code("require('fs').readFileSync('made', 'utf8')", language="javascript")
        assert result.text == "by setup"


def test_a_crash_goes_back_to_the_image(image: Image) -> None:
    with Sandbox(image=image) as sandbox:
        assert sandbox.run_code("os.abort()").stopped is not None
        assert sandbox.run_code("len(model), helper.readline()").text == "(1000, 'ada\\n')"


def test_a_metered_sandbox_starts_from_it(image: Image) -> None:
    with Sandbox(image=image, limits=Limits(fuel=10**9)) as sandbox:
        assert sandbox.run_code("len(model)").fuel_used is not None


def test_limits_hold(image: Image) -> None:
    with pytest.raises(LimitExceeded, match=r"^the image's files take \d+ bytes and \d+ inodes; the limits are"):
        Sandbox(image=image, limits=Limits(file_bytes=3))
    with Sandbox(image=image, limits=Limits(file_bytes=100)) as sandbox:
        assert sandbox.run_code("with open('big', 'w') as f: f.write('x' * 100)").error is not None
    with (
        Sandbox(image=image, limits=Limits(memory_bytes=100 << 20)) as sandbox,
        pytest.raises(UsageError, match=r"^Limits.memory_bytes is 104857600; "),
    ):
        sandbox.run_code("1")


def test_the_list_names_it(image: Image) -> None:
    (info,) = [each for each in Image.list() if each.key == image.key]
    assert (info.language, info.setup, info.packages) == ("python", SETUP, ())
    assert info.bytes > 1000
    assert repr(image) == f"<Image {image.key} python>"


def test_closing_it_gives_its_memory_back_and_spares_its_sandboxes() -> None:
    before = bytes_in_use(), mappings_left()
    image = Image.build(setup="big = bytearray(b'x') * (4 << 20)")
    sandbox = Sandbox(image=image)
    sandbox.run_code("1")
    image.close()
    image.close()
    assert sandbox.run_code("len(big), big[-1]").text == "(4194304, 120)"
    with pytest.raises(UsageError, match=r"^the image is closed$"):
        sandbox.create_code_context()
    sandbox.close()
    assert (bytes_in_use(), mappings_left()) == before
    Image.remove(image.key)


def test_a_setup_that_fails_says_why_and_leaves_nothing() -> None:
    known = {info.key for info in Image.list()}
    with pytest.raises(UsageError, match=r"(?s)^the setup of the image failed:\nTraceback .*line 2.*ZeroDivisionError"):
        Image.build(setup="x = 1\n1 / 0")
    assert {info.key for info in Image.list()} == known


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 32, None, "A" * 32])
def test_what_is_no_key_of_an_image_is_refused(key: Any) -> None:
    with pytest.raises(UsageError, match=r"^there is no image .* in the cache$"):
        Image.load(key)
    with pytest.raises(UsageError, match="no image"):
        Image.remove(key)


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, b"\2\0\0\0{}"])
def test_a_damaged_file_is_refused(damage: bytes) -> None:
    path = cache_folder() / f"{'f' * 32}.warm"
    path.write_bytes(damage)
    path.chmod(0o600)
    try:
        with pytest.raises(SnapshotError):
            Image.load("f" * 32)
    finally:
        path.unlink()


def test_an_image_of_other_guests_is_a_mismatch(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.snapshots.rest.template_names", lambda language: ("0" * 32, "0" * 64))
    with pytest.raises(SnapshotMismatch, match="another build of the python guest"):
        Image.load(image.key)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": "name"}, r"^image must be an Image, not str$"),
        ({"packages": ["humanize"]}, r"^an image has its packages by itself"),
    ],
)
def test_misuse(image: Image, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sandbox(**({"image": image} | arguments))
