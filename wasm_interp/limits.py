"""What a guest may use. Defaults are generous for data work and bounded for a server."""

from __future__ import annotations

from dataclasses import dataclass, fields

from wasm_interp.errors import UsageError

MIB = 1 << 20
MAX_MEMORY_BYTES = 4 << 30  # 32-bit linear memory


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a sandbox (files) and of each of its contexts (the rest).

    memory_bytes: linear memory of one context. 1 GiB: the warmed-up interpreter takes 0.2 GiB of it
        (shared between contexts), and a 100 MB CSV becomes about 0.5 GiB in pandas.
    fuel: WebAssembly instructions per run, or None for no metering (metering costs about a third of the speed).
    output_bytes: stdout, stderr and results of one run together. 32 MiB: two large figures and any readable text.
    file_bytes: contents of all files of the sandbox. 512 MiB: a few data sets; held in the host's memory.
    file_count: files, directories and links of the sandbox. 100,000: a large source tree.
    open_files: descriptors of one context. 256, as macOS gives a process; Linux programs expect no more than 1,024.
    """

    memory_bytes: int = 1024 * MIB
    fuel: int | None = None
    output_bytes: int = 32 * MIB
    file_bytes: int = 512 * MIB
    file_count: int = 100_000
    open_files: int = 256

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "fuel":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise UsageError(f"Limits.{field.name} must be a whole number of at least 0, not {value!r}")
        if self.memory_bytes > MAX_MEMORY_BYTES:
            raise UsageError(
                f"Limits.memory_bytes is {self.memory_bytes}; 32-bit WebAssembly ends at {MAX_MEMORY_BYTES}"
            )
