"""The in-memory file system of a sandbox: inodes, copy-on-write layers, quotas.

Pure: no I/O, and no clock of its own.
"""

from .base import BaseBuilder
from .errno import Errno, FileSystemError
from .filesystem import FileSystem
from .layers import Base
from .nodes import BytesLike, Entry, Ino, Kind, Stat
from .quota import Quota, Usage

__all__ = [
    "Base",
    "BaseBuilder",
    "BytesLike",
    "Entry",
    "Errno",
    "FileSystem",
    "FileSystemError",
    "Ino",
    "Kind",
    "Quota",
    "Stat",
    "Usage",
]
