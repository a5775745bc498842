"""Small copies of pictures, and how far two are apart. The guest does both: it has Pillow and numpy, the host need not.

Rule: what is compared is what a glance would see. A small copy is 160 pixels wide; fonts or lines that move by a
fraction of a pixel change it little, and a curve, a label or a colour that is missing changes a part of it much.
"""

from __future__ import annotations

from wasm_interp import Sandbox

WIDTH = 160
MEAN_TOLERANCE = 0.012  # of the range of a channel; 256 colours in the place of all cost up to 0.010
BLOCK_TOLERANCE = 0.08  # the same of any block of 8 by 8 pixels

_PREPARE = f"""
import io, sys
import numpy as np
from PIL import Image

def small(path):
    picture = Image.open(path).convert("RGBA")
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    height = round(picture.height * {WIDTH} / picture.width)
    return page.convert("RGB").resize(({WIDTH}, height), Image.Resampling.BOX)

def apart(left, right):
    if left.size != right.size:
        return [1.0, 1.0]
    gap = np.abs(np.asarray(left, float) - np.asarray(right, float)).mean(axis=2) / 255
    blocks = [gap[y : y + 8, x : x + 8].mean() for y in range(0, gap.shape[0], 8) for x in range(0, gap.shape[1], 8)]
    return [float(gap.mean()), float(max(blocks))]
"""


class Comparer:
    """Works on PNG files."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._run(_PREPARE)

    def small(self, picture: bytes) -> bytes:
        """A small copy, in few colours."""
        self._sandbox.files.write("picture.png", picture)
        self._run("small('picture.png').quantize(256).save('small.png', optimize=True)")
        return self._sandbox.files.read("small.png")

    def apart(self, picture: bytes, reference: bytes) -> tuple[float, float]:
        """Mean difference and that of the worst block, 0 to 1; ``reference`` is a small copy."""
        self._sandbox.files.write("picture.png", picture)
        self._sandbox.files.write("reference.png", reference)
        mean, worst = self._run("apart(small('picture.png'), Image.open('reference.png').convert('RGB'))")
        return mean, worst

    def is_like(self, picture: bytes, reference: bytes) -> bool:
        """Whether somebody who knows the reference would take the picture for it."""
        mean, worst = self.apart(picture, reference)
        return mean <= MEAN_TOLERANCE and worst <= BLOCK_TOLERANCE

    def _run(self, code: str) -> list[float]:
        result = self._sandbox.run_code(code)
        assert result.error is None, str(result.error)
        return result.results[0].json if result.results else []
