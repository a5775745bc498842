"""``python -m wasm_interp``: the same as ``wasm-interp``."""

from wasm_interp.cli import app

if __name__ == "__main__":
    app(prog_name="wasm-interp")
