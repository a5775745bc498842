"""Run untrusted Python in persistent contexts inside WebAssembly, in this very process.

from wasm_interp import Sandbox

with Sandbox() as sandbox:
    sandbox.run_code("import pandas as pd; df = pd.DataFrame({'a': [1, 2]})")
    print(sandbox.run_code("df.a.sum()").text)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasm_interp._core.version import VERSION
from wasm_interp.charts import (
    BarChart,
    BarData,
    BoxAndWhiskerChart,
    BoxAndWhiskerData,
    Chart,
    ChartType,
    LineChart,
    Orientation,
    PieChart,
    PieData,
    PointData,
    ScaleType,
    ScatterChart,
    SuperChart,
    UnknownChart,
)
from wasm_interp.context import CodeContext
from wasm_interp.errors import (
    ContextClosed,
    ContextNotFound,
    FunctionError,
    GuestError,
    GuestTrapped,
    LimitExceeded,
    ProtocolError,
    RuntimeMissing,
    SnapshotError,
    SnapshotFormatError,
    SnapshotMismatch,
    UnknownLanguage,
    UsageError,
    WasmInterpError,
)
from wasm_interp.files import FileInfo, Files
from wasm_interp.function import Function, Invocation
from wasm_interp.images import Image, ImageInfo
from wasm_interp.limits import Limits, set_memory_ceiling
from wasm_interp.results import (
    ExecutionError,
    ExecutionResult,
    HostRequest,
    Logs,
    Result,
    StateAfterStop,
    StopKind,
    StopReason,
    Usage,
)
from wasm_interp.sandbox import Sandbox
from wasm_interp.snapshot import Checkpoint, Snapshot

if TYPE_CHECKING:
    from wasm_interp.aio import AsyncSandbox

__version__ = VERSION
__all__ = [
    "AsyncSandbox",
    "BarChart",
    "BarData",
    "BoxAndWhiskerChart",
    "BoxAndWhiskerData",
    "Chart",
    "ChartType",
    "Checkpoint",
    "CodeContext",
    "ContextClosed",
    "ContextNotFound",
    "ExecutionError",
    "ExecutionResult",
    "FileInfo",
    "Files",
    "Function",
    "FunctionError",
    "GuestError",
    "GuestTrapped",
    "HostRequest",
    "Image",
    "ImageInfo",
    "Invocation",
    "LimitExceeded",
    "Limits",
    "LineChart",
    "Logs",
    "Orientation",
    "PieChart",
    "PieData",
    "PointData",
    "ProtocolError",
    "Result",
    "RuntimeMissing",
    "Sandbox",
    "ScaleType",
    "ScatterChart",
    "Snapshot",
    "SnapshotError",
    "SnapshotFormatError",
    "SnapshotMismatch",
    "StateAfterStop",
    "StopKind",
    "StopReason",
    "SuperChart",
    "UnknownChart",
    "UnknownLanguage",
    "Usage",
    "UsageError",
    "WasmInterpError",
    "set_memory_ceiling",
]


def __getattr__(name: str) -> object:
    """AsyncSandbox comes with asyncio, which programs without it need not import."""
    if name == "AsyncSandbox":
        from wasm_interp.aio import AsyncSandbox

        return AsyncSandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
