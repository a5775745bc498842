"""What a sandbox's file system may hold, and the count of what it holds.

Rule: bytes are the sizes of regular files and of symbolic link targets, of those that the base does not hold.
Rule: inodes are files, directories and links made here, and every further hard link counts one as well: so
the number of directory entries, and with the length limit the memory for names, is bounded by it too.
A host should allow about 1 KiB of its own memory per inode.
"""

from dataclasses import dataclass

from .errno import Errno, FileSystemError


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one file system.

    ``path_bytes`` counts the terminating NUL, as PATH_MAX does: the longest path has one byte less.
    ``symlink_depth`` is how many links one path may lead through.
    """

    bytes: int
    inodes: int
    path_bytes: int = 4096
    name_bytes: int = 255
    symlink_depth: int = 40


@dataclass(frozen=True, slots=True)
class Usage:
    """What counts against a Quota now."""

    bytes: int
    inodes: int


@dataclass(slots=True)
class Account:
    """The running count; ``require`` before allocating, then ``add`` what was really taken or given back."""

    quota: Quota
    bytes: int = 0
    inodes: int = 0

    def require(self, bytes: int = 0, inodes: int = 0) -> None:
        """Raises NOSPC if that much more would pass a limit; giving back always passes."""
        if bytes > 0 and self.bytes + bytes > self.quota.bytes:
            raise FileSystemError(Errno.NOSPC)
        if inodes > 0 and self.inodes + inodes > self.quota.inodes:
            raise FileSystemError(Errno.NOSPC)

    def add(self, bytes: int = 0, inodes: int = 0) -> None:
        self.bytes += bytes
        self.inodes += inodes

    def usage(self) -> Usage:
        return Usage(self.bytes, self.inodes)

    def copy(self) -> "Account":
        return Account(self.quota, self.bytes, self.inodes)
