"""Makes the reference pictures anew, all or those of the cells that are named. Look at each before it is kept.

python -m tests.gallery.make_references [NAME...]
"""

from __future__ import annotations

import sys

from tests.gallery.cells import REFERENCES, SHOWN, packages_of, source
from tests.gallery.pictures import Comparer
from wasm_interp import Sandbox


def main() -> None:
    REFERENCES.mkdir(exist_ok=True)
    with Sandbox() as sandbox:
        comparer = Comparer(sandbox)
        for name in sys.argv[1:] or SHOWN:
            code = source(name)
            with Sandbox(packages=packages_of(code)) as own:
                run = own.run_code(code, timeout=None)
            for number, result in enumerate(run.results, 1):
                if (picture := result.png_bytes) is not None:
                    (REFERENCES / f"{name}-{number}.png").write_bytes(comparer.small(picture))
            print(f"{name}: {run.duration:.1f} s {run.stdout!r} {run.stderr!r} {run.error or ''}")


if __name__ == "__main__":
    main()
