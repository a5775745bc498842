"""Making the template: import what users import, pay for first uses, then freeze."""

import gc
import importlib
import sys
import warnings

from wasm_interp_kernel import holes, libraries, sources


def preload(modules: list[str]) -> None:
    """Import modules and use each once where a first use is dear. Raises what an import raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "pandas" in modules:
            libraries.import_pandas()
        for name in modules:
            importlib.import_module(name)
        libraries.patch_loaded()
        for name, use in _FIRST_USES.items():
            if name in sys.modules:
                use()


def _use_pyplot() -> None:
    """Opens the fonts, which stay open, and builds the mathtext parser."""
    import io

    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2], [3, 4], label="a")
    axes.scatter([1, 2], [3, 4])
    axes.bar([1, 2], [3, 4])
    axes.set_title("title $x^2$", weight="bold")
    axes.set_xlabel("x", style="italic")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png", dpi="figure", bbox_inches="tight")
    pyplot.close("all")


def _use_pandas() -> None:
    import io

    import pandas

    frame = pandas.read_csv(
        io.StringIO("k,a,day\nx,1,2026-01-01\ny,2,2026-01-02\nx,3,2026-01-03\n"), parse_dates=["day"]
    )
    frame._repr_html_()
    repr(frame), repr(frame.describe()), repr(frame.dtypes), repr(frame["day"])
    repr(frame.groupby("k")["a"].agg(["mean", "sum"]))
    repr(frame.merge(frame, on="k").sort_values("a_x"))
    repr(frame.pivot_table(index="k", values="a"))
    frame.set_index("day").resample("D")["a"].sum()


def _use_asyncio() -> None:
    import asyncio

    asyncio.run(asyncio.sleep(0))


def _use_traceback() -> None:
    from wasm_interp_kernel import tracebacks

    try:
        eval(compile("undefined_name", "<warm>", "eval"), {})
    except NameError as exc:
        tracebacks.format_lines(exc)


_FIRST_USES = {
    "matplotlib.pyplot": _use_pyplot,
    "pandas": _use_pandas,
    "asyncio": _use_asyncio,
    "traceback": _use_traceback,
}


def freeze() -> None:
    """Bring the interpreter to rest for the image."""
    sources.forget_all()
    gc.collect()
    gc.freeze()
    holes.fill()
    gc.freeze()
