"""Every cell of the gallery shows what it is to, and its pictures look as they did when somebody looked at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gallery.cells import CELLS, PRINTED, REFERENCES, SHOWN, packages_of, source
from tests.gallery.pictures import Comparer
from wasm_interp import Sandbox, UsageError


@pytest.fixture(scope="module")
def comparer() -> Iterator[Comparer]:
    with Sandbox() as sandbox:
        yield Comparer(sandbox)


def _sandbox_for(code: str) -> Sandbox:
    try:
        return Sandbox(packages=packages_of(code))
    except UsageError as error:
        if "cannot be reached" in str(error):
            pytest.skip(str(error))
        raise


def test_every_cell_is_tested() -> None:
    assert sorted(path.stem for path in CELLS.glob("*.py")) == sorted(SHOWN)


def test_no_reference_is_left_over() -> None:
    pictures = {
        f"{name}-{number}.png"
        for name, shown in SHOWN.items()
        for number, formats in enumerate(shown, 1)
        if "png" in formats.split()
    }
    assert {path.name for path in REFERENCES.iterdir()} == pictures


@pytest.mark.parametrize("name", SHOWN)
def test_cell(name: str, comparer: Comparer) -> None:
    code = source(name)
    with _sandbox_for(code) as sandbox:
        run = sandbox.run_code(code)
    assert run.error is None, str(run.error)
    assert (run.stdout, run.stderr) == (PRINTED.get(name, ""), "")
    assert [" ".join(result.formats()) for result in run.results] == SHOWN[name]
    for number, result in enumerate(run.results, 1):
        if (picture := result.png_bytes) is not None:
            reference = (REFERENCES / f"{name}-{number}.png").read_bytes()
            assert comparer.is_like(picture, reference), (number, comparer.apart(picture, reference))


def test_a_picture_is_not_like_another(comparer: Comparer) -> None:
    pictures = [path.read_bytes() for path in sorted(REFERENCES.iterdir())]
    assert comparer.is_like(pictures[0], pictures[0])
    assert not any(comparer.is_like(pictures[0], other) for other in pictures[1:])


def test_a_label_that_is_missing_is_seen(sandbox: Sandbox, comparer: Comparer) -> None:
    code = source("bars")
    assert "bar_label" in code
    changed = code.replace("vertical.bar_label(bars)", "").replace("grouped.legend()", "")
    (result,) = sandbox.run_code(changed).results
    assert result.png_bytes is not None
    assert not comparer.is_like(result.png_bytes, (REFERENCES / "bars-1.png").read_bytes())


def test_plotly_gives_its_own_mime_type() -> None:
    with _sandbox_for(source("plotly_chart")) as sandbox:
        (result,) = sandbox.run_code(source("plotly_chart")).results
    figure = result.extra["application/vnd.plotly.v1+json"]
    assert [trace["name"] for trace in figure["data"]] == ["NO", "PE", "IT", "CH"]
    assert result.html is not None
    assert "cdn.plot.ly" in result.html
