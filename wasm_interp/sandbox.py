"""Sandbox: one file system, and the contexts that share it."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wasm_interp._core.engine import room
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.savepoint import Savepoint
from wasm_interp._core.kernel.templates import template
from wasm_interp._core.languages.base import Language, Start
from wasm_interp._core.languages.registry import DEFAULT, find_language
from wasm_interp._core.languages.tree import HOME, PYTHON_PACKAGES, TEMPORARY, WORKSPACE, tree_with
from wasm_interp._core.snapshots.document import SandboxData
from wasm_interp._core.snapshots.rest import (
    base_identity,
    check_guests,
    check_memory,
    check_modest,
    files_of,
    kernel_of,
    let_go,
    modest_contexts,
    template_names,
)
from wasm_interp._core.version import VERSION
from wasm_interp._core.vfs import Base, FileSystem, Quota
from wasm_interp._core.vfs.codec import describe
from wasm_interp.context import CodeContext, Transaction, checked_code, checked_environment, checked_timeout
from wasm_interp.errors import ContextClosed, ContextNotFound, LimitExceeded, SnapshotError, UsageError
from wasm_interp.files import Files
from wasm_interp.limits import Limits, memory_ceiling
from wasm_interp.packages import packages_archive
from wasm_interp.results import ExecutionError, ExecutionResult, Result
from wasm_interp.snapshot import Snapshot

if TYPE_CHECKING:
    from wasm_interp.images import Image

DEFAULT_TIMEOUT = 60.0
DEFAULT_CONTEXT_TIMEOUT = 30.0
DEFAULT_MAX_CONTEXTS = 1000
FIGURE_FORMATS = ("png", "svg", "pdf")
_ENVIRONMENT = {"HOME": HOME, "TMPDIR": TEMPORARY, "MPLBACKEND": "agg", "MPLCONFIGDIR": TEMPORARY}


class Sandbox:
    """Like one machine: a file system of its own, and contexts as its processes. Nobody outside sees either.

    The first sandbox on a machine compiles the guest and warms it up (minutes; ``wasm-interp setup`` does it
    ahead of time); all later ones start within milliseconds. Thread-safe. Use it with ``with``, or call ``close``.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        env_vars: Mapping[str, str] | None = None,
        max_contexts: int = DEFAULT_MAX_CONTEXTS,
        packages: Sequence[str] = (),
        image: Image | None = None,
    ) -> None:
        """``env_vars`` are given to every context. ``max_contexts`` may be open at once: a thousand idle ones take
        about 1 GB. Raises RuntimeMissing when the guests are not installed.

        packages: what Python contexts can import beside what is built in, as requirements: "humanize==4.*". Only
        pure-Python packages. pip downloads them at the first use on this machine; then they are kept in the cache.
        Raises UsageError for a package that is not there, is not pure Python, or does not fit what is built in.

        image: what its files, and contexts of the image's language, begin as; it has its packages by itself.
        """
        if isinstance(max_contexts, bool) or not isinstance(max_contexts, int) or max_contexts < 1:
            raise UsageError(f"max_contexts must be a whole number of at least 1, not {max_contexts!r}")
        self._max_contexts = max_contexts
        self._limits = _checked_limits(limits) or Limits()
        self._environment = _ENVIRONMENT | (checked_environment(env_vars) or {})
        quota = Quota(self._limits.file_bytes, self._limits.file_count)
        self._image = None if image is None else _checked_image(image, packages)._state
        if self._image is None:
            self._packages = packages_archive(packages)
            self._take_files(FileSystem(self._base, quota, time.time_ns))
        else:
            self._packages = self._image.packages
            self._take_files(self._image.files_for(self._limits))
        self._lock = threading.Lock()
        self._contexts: dict[str, CodeContext] = {}
        self._defaults: dict[str, str] = {}
        self._defaults_lock = threading.Lock()
        self._making = threading.RLock()  # held where a context becomes one of ours, and through a files transaction
        self._is_closed = False

    def create_code_context(
        self,
        language: str = "python",
        *,
        cwd: str = WORKSPACE,
        env_vars: Mapping[str, str] | None = None,
        timeout: float | None = DEFAULT_CONTEXT_TIMEOUT,
        limits: Limits | None = None,
        figure_formats: Sequence[str] = ("png",),
        history_bytes: int | None = None,
    ) -> CodeContext:
        """A new persistent context.

        cwd: where it starts, made if missing. timeout: seconds, for each ``context.run`` that names none.
        limits: in the place of the sandbox's, for this context; files stay limited as the sandbox's are.
        figure_formats: what a matplotlib figure's result has, of "png" (always there), "svg" and "pdf"; Python only.
        history_bytes: keep what the context was before each run, for ``context.undo``, as far back as so many bytes
        reach; a run costs 1 to 5 ms more, and about what it writes. None: no history. Linux only.
        Raises UnknownLanguage, UsageError, ContextClosed, SnapshotError (a history where there can be none); where
        ``cwd`` cannot be made, OSError or LimitExceeded; and LimitExceeded at max_contexts, at the memory ceiling, and
        at some 4,000 contexts of one process: Linux's default limit of memory mappings has room for no more.
        """
        formats = _checked_formats(figure_formats)
        found, kept = find_language(language), _checked_history(history_bytes)
        return self._create(found, cwd, env_vars, timeout, limits, formats, kept)

    def run_code(
        self,
        code: str,
        *,
        context: CodeContext | str | None = None,
        language: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        env_vars: Mapping[str, str] | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_error: Callable[[ExecutionError], None] | None = None,
        on_input: Callable[[str], str] | None = None,
        transaction: Transaction = False,
    ) -> ExecutionResult:
        """Run one cell and wait for its end; see ``CodeContext.run`` for the callbacks and for ``transaction``.

        context: a context or its id. Without one, the sandbox's own context of ``language`` (python when None),
        made on first use and kept. timeout: seconds, None for no limit.
        An error of the program is in the result's ``error``.
        Raises UsageError (ContextNotFound, UnknownLanguage) for misuse.
        """
        checked_code(code)
        limit = checked_timeout(timeout)
        chosen = self.context_for(context, language)
        return chosen.run(
            code,
            timeout=float("inf") if limit is None else limit,
            env_vars=env_vars,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            on_result=on_result,
            on_error=on_error,
            on_input=on_input,
            transaction=transaction,
        )

    def resume(
        self,
        context: CodeContext | str,
        values: Mapping[str, Any],
        *,
        timeout: float | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_error: Callable[[ExecutionError], None] | None = None,
        on_input: Callable[[str], str] | None = None,
        transaction: Transaction = False,
    ) -> ExecutionResult:
        """Let the cell go on that awaits the host in ``context``; see ``CodeContext.resume``."""
        return self._find(context).resume(
            values,
            timeout=timeout,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            on_result=on_result,
            on_error=on_error,
            on_input=on_input,
            transaction=transaction,
        )

    def context_for(self, context: CodeContext | str | None = None, language: str | None = None) -> CodeContext:
        """The context in which ``run_code`` with the same arguments would run; a default context is made if need be."""
        wanted = None if language is None else find_language(language)
        if context is None:
            return self._default_context(wanted or DEFAULT)
        found = self._find(context)
        if wanted is not None and wanted.name != found.language:
            raise UsageError(f"context {found.id} runs {found.language}, not {wanted.name}")
        return found

    def fork(self) -> Sandbox:
        """A sandbox of its own with the same files and contexts, which goes on from here independently.

        Contexts keep their ids and execution counts. Costs what was written since the last fork or checkpoint.
        Waits for runs that are going on. Linux only. Raises ContextClosed, SnapshotError.
        """
        with self._at_rest() as contexts, ExitStack() as held:
            savepoints = [(context, held.enter_context(closing(context._kernel.save()))) for context in contexts]
            opens = Counter(ino for _, savepoint in savepoints for ino in savepoint.files.inodes())
            twin = self._twin(self._fs.fork(opens=opens))
            with ExitStack() as unfinished:
                unfinished.callback(twin.close)
                for context, savepoint in savepoints:
                    twin._adopt(context._made_from(savepoint, twin._fs, context.id))
                unfinished.pop_all()
            for ino in opens.elements():  # the twin's contexts hold them now
                twin._fs.release(ino)
        return twin

    def snapshot(self) -> Snapshot:
        """All of the sandbox, to keep and to go on from later, elsewhere; see Snapshot.

        Waits for runs that are going on. Linux only. Raises ContextClosed, SnapshotError.
        """
        with ExitStack() as held:
            with self._at_rest() as contexts:
                savepoints = [(context, held.enter_context(closing(context._kernel.save()))) for context in contexts]
                fs = self._fs.fork(opens=Counter(ino for _, each in savepoints for ino in each.files.inodes()))
                defaults = {name: each for name, each in self._defaults.items() if each in self._contexts}
            languages = {context.language for context in contexts}
            data = SandboxData(
                version=VERSION,
                templates={name: template_names(find_language(name)) for name in sorted(languages)},
                base=base_identity(self._base),
                limits=self._limits,
                max_contexts=self._max_contexts,
                environment=self._environment,
                defaults=defaults,
                files=describe(fs),
                contexts=[context._data(savepoint) for context, savepoint in savepoints],
            )
        return Snapshot(data, is_trusted=True)

    @classmethod
    def from_snapshot(
        cls,
        snapshot: Snapshot,
        *,
        limits: Limits | None = None,
        max_contexts: int | None = None,
        packages: Sequence[str] = (),
    ) -> Sandbox:
        """A sandbox that goes on from where ``snapshot`` was taken. Unseeded random generators get fresh entropy.

        limits, max_contexts: in the place of the snapshot's, for the sandbox and all its contexts. Needed where a
        snapshot that is not signed asks for more than the defaults; its contexts keep no history, and have timeouts of
        30 s at most, since nobody vouches for what it says. packages: the same that the sandbox had.
        Raises SnapshotMismatch, which names what differs, where this machine has other guests than the snapshot was
        made with; SnapshotFormatError, LimitExceeded. Nothing is made then.
        """
        if not isinstance(snapshot, Snapshot):
            raise UsageError(f"snapshot must be a Snapshot, not {type(snapshot).__name__}")
        data = snapshot._data
        if not snapshot._is_trusted:
            check_modest(data, limits, max_contexts, DEFAULT_MAX_CONTEXTS)
            data = modest_contexts(data, DEFAULT_CONTEXT_TIMEOUT)
        chosen = _checked_limits(limits)
        room = data.max_contexts if max_contexts is None else max_contexts
        sandbox = cls(limits=chosen or data.limits, max_contexts=room, packages=packages)
        check_guests(data, sandbox._base)
        prepared = [(context, limit, check_memory(context, limit)) for context, limit in data.limits_by_context(chosen)]
        sandbox._environment = data.environment
        sandbox._take_files(files_of(data, sandbox._base, sandbox._limits))
        with ExitStack() as unfinished:
            unfinished.callback(sandbox.close)
            for context, limit, made_from in prepared:
                sandbox._check_room()
                sandbox._adopt(CodeContext._from_data(context, kernel_of(context, made_from, sandbox._fs, limit)))
            unfinished.pop_all()
        let_go(data, sandbox._fs)
        sandbox._defaults = dict(data.defaults)
        return sandbox

    def list_code_contexts(self) -> list[CodeContext]:
        """Every context that is open, in order of creation, default contexts included."""
        with self._lock:
            return list(self._contexts.values())

    def delete_code_context(self, context: CodeContext | str) -> None:
        """Free a context. Raises ContextNotFound when it is unknown or deleted already."""
        self._find(context).close()

    def close(self) -> None:
        """Free everything; runs that are going on are interrupted. Idempotent."""
        self._is_closed = True
        for context in self.list_code_contexts():
            context.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else f"{len(self._contexts)} contexts"
        return f"<Sandbox {state}>"

    def _create(
        self,
        language: Language,
        cwd: str,
        env_vars: Mapping[str, str] | None,
        timeout: float | None,
        limits: Limits | None,
        figure_formats: tuple[str, ...] = (),
        history_bytes: int | None = None,
    ) -> CodeContext:
        if not isinstance(cwd, str) or not cwd.startswith("/"):
            raise UsageError(f"cwd must be an absolute path of the sandbox, not {cwd!r}")
        variables = self._environment | (checked_environment(env_vars) or {})
        limit = checked_timeout(timeout)
        chosen_limits = _checked_limits(limits) or self._limits
        self._check_room()
        made_from = template(language, metered=chosen_limits.fuel is not None)
        if chosen_limits.memory_bytes < (least := made_from.image.size_bytes):
            raise UsageError(
                f"Limits.memory_bytes is {chosen_limits.memory_bytes}; {language.name} takes {least} to begin with"
            )
        self.files.mkdir(cwd)
        options = self._python_options(figure_formats) if language.name == "python" else {}
        if self._image is not None and self._image.language == language.name:
            start = Start(cwd, variables, options=options, is_forked=True)
            kernel = self._image.kernel_for(made_from, self._fs, chosen_limits, start)
        else:
            kernel = Kernel(made_from, self._fs, chosen_limits, Start(cwd, variables, options=options))
        if history_bytes is not None and not kernel.can_save:
            kernel.close()
            raise SnapshotError("a history needs Linux: memfd_create and /proc/self/pagemap")
        return self._adopt(CodeContext(_new_identity(), language.name, cwd, limit, kernel, history_bytes))

    def _twin(self, fs: FileSystem) -> Sandbox:
        """A sandbox like this one over ``fs``, without contexts."""
        twin = Sandbox(limits=self._limits, max_contexts=self._max_contexts)
        twin._environment = self._environment
        twin._packages, twin._image = self._packages, self._image
        twin._take_files(fs)
        twin._defaults = dict(self._defaults)
        return twin

    @contextmanager
    def _at_rest(self) -> Iterator[list[CodeContext]]:
        """Hold every context between two runs; those that are closed while this waits are left out.

        Never waits for one while it holds another: a callback of the first may wait for a run in the second.
        """
        waited_for: CodeContext | None = None
        while True:
            if self._is_closed:
                raise ContextClosed("the sandbox is closed")
            with ExitStack() as held:
                if waited_for is not None:
                    held.enter_context(waited_for._held())
                contexts = self.list_code_contexts()
                busy = next(
                    (each for each in contexts if each is not waited_for and not each._hold_at_once(held)), None
                )
                if busy is None:
                    yield [each for each in contexts if not each.is_closed]
                    return
            waited_for = busy

    def _python_options(self, figure_formats: tuple[str, ...]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if figure_formats:
            options["figure_formats"] = figure_formats
        if self._packages is not None:
            options["packages"] = PYTHON_PACKAGES
        return options

    @property
    def _base(self) -> Base:
        return tree_with(self._packages).base

    def _take_files(self, fs: FileSystem) -> None:
        self._fs = fs
        self.files = Files(fs)

    def _check_not_alone(self) -> None:
        """Raises UsageError in a callback of a transaction over files, which would wait for itself."""
        with self._lock:
            held = next((each._held_for for each in self._contexts.values() if each._held_for is not None), None)
        if held is not None and held._kernel.is_calling_back():
            raise UsageError(f"no context is made during a transaction over files, which context {held.id} is in")

    def _adopt(self, context: CodeContext) -> CodeContext:
        with self._making:
            return self._adopt_now(context)

    def _adopt_now(self, context: CodeContext) -> CodeContext:
        context._on_close = self._forget
        context._on_fork = self._fork_context
        context._on_transaction = self._run_with_files
        with self._lock:
            has_room = len(self._contexts) < self._max_contexts
            if has_room:
                self._contexts[context.id] = context
        if not has_room:  # another thread took the last place
            context._kernel.close()
            self._check_room()
        if self._is_closed:  # closed meanwhile, by another thread
            context.close()
        return context

    def _run_with_files(self, context: CodeContext, execute: Callable[[], ExecutionResult]) -> ExecutionResult:
        """A transaction over files: while all contexts are at rest, since a return would undo what others write."""
        with self._alone() as contexts, ExitStack() as held:
            if context not in contexts:
                raise ContextClosed(f"context {context.id} is closed")
            for each in contexts:
                held.callback(self._let_go, each)
                each._held_for = context
            before = self._fs.fork()
            try:
                return execute()
            finally:
                if context._kernel.is_undone:
                    self._fs.return_to(before)

    @contextmanager
    def _alone(self) -> Iterator[list[CodeContext]]:
        """Hold every context between two runs, and let none be made meanwhile."""
        while True:
            with self._at_rest() as contexts, self._making:
                if not set(self.list_code_contexts()) - set(contexts):
                    yield contexts
                    return

    def _let_go(self, context: CodeContext) -> None:
        context._held_for = None
        if context.is_closed:  # by a callback of the transaction, which could not wait for it
            context._free()

    def _fork_context(self, context: CodeContext, savepoint: Savepoint) -> CodeContext:
        self._check_room()
        return self._adopt(context._made_from(savepoint, self._fs, _new_identity()))

    def _check_room(self) -> None:
        if self._is_closed:
            raise ContextClosed("the sandbox is closed")
        self._check_not_alone()
        memory_ceiling.check_room()
        room().check()
        if len(self._contexts) >= self._max_contexts:
            raise LimitExceeded(
                f"the sandbox has {len(self._contexts)} contexts; its limit max_contexts is {self._max_contexts}"
            )

    def _default_context(self, language: Language) -> CodeContext:
        with self._defaults_lock:
            known = self._contexts.get(self._defaults.get(language.name, ""))
            if known is None:
                known = self._create(language, WORKSPACE, None, DEFAULT_CONTEXT_TIMEOUT, None)
                self._defaults[language.name] = known.id
            return known

    def _find(self, context: CodeContext | str) -> CodeContext:
        if self._is_closed:
            raise ContextClosed("the sandbox is closed")
        if not isinstance(context, CodeContext | str):
            raise UsageError(f"context must be a CodeContext or its id, not {type(context).__name__}")
        identity = context if isinstance(context, str) else context.id
        with self._lock:
            found = self._contexts.get(identity)
        if found is None:
            raise ContextNotFound(f"this sandbox has no context {identity}; it may have been deleted")
        return found

    def _forget(self, context: CodeContext) -> None:
        with self._lock:
            self._contexts.pop(context.id, None)


def _new_identity() -> str:
    return f"ctx-{uuid.uuid4().hex[:12]}"


def _checked_limits(limits: Limits | None) -> Limits | None:
    if limits is not None and not isinstance(limits, Limits):
        raise UsageError(f"limits must be Limits, not {type(limits).__name__}")
    return limits


def _checked_history(history_bytes: int | None) -> int | None:
    if history_bytes is None:
        return None
    if isinstance(history_bytes, bool) or not isinstance(history_bytes, int) or history_bytes < 0:
        raise UsageError(f"history_bytes must be a whole number of at least 0 or None, not {history_bytes!r}")
    return history_bytes


def _checked_image(image: Image, packages: Sequence[str]) -> Image:
    if not hasattr(image, "_state"):
        raise UsageError(f"image must be an Image, not {type(image).__name__}")
    if packages:
        raise UsageError("an image has its packages by itself: give packages= to Image.build")
    return image


def _checked_formats(names: Sequence[str]) -> tuple[str, ...]:
    """Those beside "png", which is always there."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise UsageError(f"figure_formats must be a list of formats, not {names!r}")
    for name in names:
        if name not in FIGURE_FORMATS:
            raise UsageError(f"figures have no format {name!r}; choose of: {', '.join(FIGURE_FORMATS)}")
    return tuple(name for name in names if name != "png")
