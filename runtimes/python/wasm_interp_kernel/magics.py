"""What the magics do. Each handler gets the session and the text after its name."""

import ast
import builtins
import os
import time
from collections.abc import Callable

from wasm_interp_kernel import figures, formatters, magic_syntax, pip_answers, sources
from wasm_interp_kernel.magic_errors import UsageError

_perf_counter, _process_time = time.perf_counter, time.process_time


def _time(session, argument: str, filename: str = "<magic>"):
    """%time statement: run it once and print how long it took; its value is the magic's value."""
    statements, expression = session.compiler.compile(argument, filename)
    wall, cpu = _perf_counter(), _process_time()
    value = None
    if statements is not None:
        session.execute(statements)
    if expression is not None:
        value = session.execute(expression)
    cpu, wall = _process_time() - cpu, _perf_counter() - wall
    print(f"CPU times: {format_seconds(cpu)}\nWall time: {format_seconds(wall)}")
    return value


def format_seconds(seconds: float) -> str:
    """Three significant digits with a unit: 1.25 ms."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
        if seconds * scale >= 1 or unit == "ns":
            return f"{seconds * scale:.3g} {unit}"
    raise AssertionError


def _timeit(session, argument: str, setup_and_body: tuple[str, str] | None = None):
    """%timeit [-n loops] [-r repeats] statement: best of several runs."""
    import timeit

    options, statement = _timeit_options(argument)
    setup = "pass"
    if setup_and_body is not None:
        setup, statement = statement or "pass", setup_and_body[1]
    timer = timeit.Timer(statement, setup, globals=session.namespace)
    loops = options.get("n")
    if loops is None:
        loops, _ = timer.autorange(_enough)
    runs = [total / loops for total in timer.repeat(options.get("r", 5), loops)]
    mean = sum(runs) / len(runs)
    deviation = (sum((run - mean) ** 2 for run in runs) / len(runs)) ** 0.5
    plural = "s" if len(runs) != 1 else ""
    print(
        f"{format_seconds(mean)} ± {format_seconds(deviation)} per loop"
        f" (mean ± std. dev. of {len(runs)} run{plural}, {loops:,} loop{'s' if loops != 1 else ''} each)"
    )


def _enough(number: int, seconds: float) -> None:
    """autorange reports here; nothing to show."""


def _timeit_options(argument: str) -> tuple[dict[str, int], str]:
    options: dict[str, int] = {}
    while argument[:2] in ("-n", "-r"):
        name, text = argument[1], argument[2:].lstrip()
        digits, _, argument = text.partition(" ")
        if not digits.isdigit() or int(digits) < 1:
            raise UsageError(f"%timeit: -{name} takes a positive whole number, not {digits!r}")
        options[name] = int(digits)
        argument = argument.lstrip()
    if argument[:1] == "-" and argument[1:2].isalpha() and argument[2:3] in ("", " "):
        raise UsageError(f"%timeit: no option {argument[:2]}; there are -n and -r")
    return options, argument


def _matplotlib(session, argument: str) -> None:
    """%matplotlib inline: figures are always shown inline here."""
    backend = argument.strip()
    if backend not in ("", "inline", "notebook", "widget", "ipympl", "agg"):
        raise UsageError(f"%matplotlib {backend}: figures are shown inline here; there are no windows")


def _user_names(session) -> list[str]:
    hidden = ("exit", "quit")
    return sorted(name for name in session.namespace if not name.startswith("_") and name not in hidden)


def _who(session, argument: str) -> None:
    """%who: the names that cells have defined."""
    names = _user_names(session)
    print("  ".join(names) if names else "no names are defined yet")


def _whos(session, argument: str) -> None:
    """%whos: the names that cells have defined, with type and value."""
    rows = []
    for name in _user_names(session):
        value = session.namespace[name]
        text = " ".join(formatters.plain_text(value).split())
        rows.append((name, type(value).__name__, text if len(text) <= 60 else text[:57] + "..."))
    wide = max((len(row[0]) for row in rows), default=4)
    kind = max((len(row[1]) for row in rows), default=4)
    print("\n".join(f"{name:{wide}}  {of:{kind}}  {text}" for name, of, text in rows) or "no names are defined yet")


def _pwd(session, argument: str) -> str:
    return os.getcwd()


def _cd(session, argument: str) -> None:
    os.chdir(os.path.expanduser(argument.strip("\"'") or "~"))
    print(os.getcwd())


def _env(session, argument: str):
    """%env, %env NAME, %env NAME=value."""
    if not argument:
        return dict(os.environ)
    name, assigns, value = argument.partition("=")
    if not assigns:
        name, _, value = argument.partition(" ")
        if not value:
            if name not in os.environ:
                raise UsageError(f"%env: no variable {name}")
            return os.environ[name]
    os.environ[name.strip()] = value.strip()
    print(f"env: {name.strip()}={value.strip()}")
    return None


def _run(session, argument: str) -> None:
    """%run file.py: run a file's code in this namespace's copy of __main__."""
    path = argument.strip().strip("\"'")
    if not path:
        raise UsageError("%run: which file?")
    with open(path, encoding="utf-8") as file:
        source = file.read()
    sources.remember(path, source)
    exec(compile(source, path, "exec", dont_inherit=True), session.namespace)


def _config(session, argument: str) -> None:
    """%config InlineBackend.figure_formats = ['png', 'svg']; other settings have no effect here."""
    name, _, value = argument.partition("=")
    if name.strip() not in ("InlineBackend.figure_format", "InlineBackend.figure_formats"):
        return
    try:
        chosen = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        chosen = value.strip()
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    try:
        figures.set_formats([name for name in names if name != "retina"])
    except ValueError as exc:
        raise UsageError(f"%config: {exc}") from None


def _pip(session, argument: str) -> None:
    """%pip: nothing can be installed from inside; says what is there."""
    pip_answers.answer(argument)


def _nothing(session, argument: str) -> None:
    """Accepted, since notebooks carry it, and without effect here."""


_LINE: dict[str, Callable] = {
    "time": _time,
    "timeit": _timeit,
    "matplotlib": _matplotlib,
    "who": _who,
    "whos": _whos,
    "pwd": _pwd,
    "cd": _cd,
    "env": _env,
    "set_env": _env,
    "run": _run,
    "pip": _pip,
    "pip3": _pip,
    "conda": _pip,
    "config": _config,
    "load_ext": _nothing,
    "autoreload": _nothing,
}


def _cell_time(session, magic: magic_syntax.CellMagic, filename: str):
    return _time(session, magic.body, filename)


def _cell_timeit(session, magic: magic_syntax.CellMagic, filename: str) -> None:
    _timeit(session, magic.argument, ("", magic.body.strip("\n") or "pass"))


def _cell_writefile(session, magic: magic_syntax.CellMagic, filename: str) -> None:
    mode, path = ("a", magic.argument[2:].strip()) if magic.argument.startswith("-a") else ("w", magic.argument)
    if not path:
        raise UsageError("%%writefile: which file?")
    with open(path, mode, encoding="utf-8") as file:
        file.write(magic.body.lstrip("\n"))
    print(f"{'Appended to' if mode == 'a' else 'Wrote'} {path}")


def _cell_mime(mime: str) -> Callable:
    def show(session, magic: magic_syntax.CellMagic, filename: str) -> None:
        formatters.send_bundle({mime: magic.body.strip("\n"), "text/plain": f"<{mime}>"}, {})

    return show


def _cell_shell(session, magic: magic_syntax.CellMagic, filename: str) -> None:
    shell(f"%%{magic.name}")


_CELL: dict[str, Callable] = {
    "time": _cell_time,
    "timeit": _cell_timeit,
    "writefile": _cell_writefile,
    "file": _cell_writefile,
    "html": _cell_mime("text/html"),
    "markdown": _cell_mime("text/markdown"),
    "latex": _cell_mime("text/latex"),
    "svg": _cell_mime("image/svg+xml"),
    "javascript": _cell_mime("application/javascript"),
    "js": _cell_mime("application/javascript"),
    "bash": _cell_shell,
    "sh": _cell_shell,
    "script": _cell_shell,
}


def run_cell_magic(session, magic: magic_syntax.CellMagic, filename: str) -> object:
    """Run a whole-cell magic. Raises UsageError naming one that is not here."""
    handler = _CELL.get(magic.name)
    if handler is None:
        raise UsageError(f"no cell magic %%{magic.name} here; there are {_names(_CELL, '%%')}")
    return handler(session, magic, filename)


def shell(command: str) -> None:
    """What a ``!command`` line calls."""
    if (argument := pip_answers.pip_argument(command)) is not None:
        pip_answers.answer(argument)
        return
    raise UsageError(f"there are no processes in this sandbox: cannot run {command!r}")


def _names(table: dict[str, Callable], sign: str) -> str:
    return ", ".join(f"{sign}{name}" for name in table)


def install(session) -> None:
    """Define what rewritten magic lines call."""

    def line_magic(name: str, argument: str) -> object:
        handler = _LINE.get(name)
        if handler is None:
            raise UsageError(f"no line magic %{name} here; there are {_names(_LINE, '%')}")
        return handler(session, argument)

    setattr(builtins, magic_syntax.LINE_HOOK, line_magic)
    setattr(builtins, magic_syntax.SHELL_HOOK, shell)
