"""Copy-on-write layers: inode number -> node, one writable dict over sealed ones over the base.

Rule: only the top layer of one ``Layers`` is ever changed; what a fork shares is sealed.
Rule: None in a layer hides the node below it.
Policy: a fork merges the sealed layers into one when there are more than MAX_SEALED of them, or when they
keep alive more than ``waste_limit`` bytes that this side can no longer see; merging copies references only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

from .nodes import Directory, File, Ino, Symlink

MAX_SEALED = 8

Node: TypeAlias = File | Directory | Symlink
N = TypeVar("N", bound=Node)
Layer: TypeAlias = dict[Ino, Node | None]


@dataclass(frozen=True, slots=True)
class Base:
    """The shared read-only part, made by BaseBuilder; any number of file systems and threads may use it.

    Numbers from ``next_ino`` on belong to the file systems above it.
    """

    nodes: Mapping[Ino, Node]
    root: Ino
    next_ino: Ino


class Layers:
    """The nodes that one file system sees."""

    __slots__ = ("_base", "_sealed", "_top", "_waste", "_waste_limit")

    def __init__(self, base: Base, waste_limit: int) -> None:
        self._base = base.nodes
        self._sealed: tuple[Layer, ...] = ()  # newest first
        self._top: Layer = {}
        self._waste = 0
        self._waste_limit = waste_limit

    @property
    def depth(self) -> int:
        """How many sealed layers lie between the writable one and the base."""
        return len(self._sealed)

    def get(self, ino: Ino) -> Node | None:
        if ino in self._top:
            return self._top[ino]
        for layer in self._sealed:
            if ino in layer:
                return layer[ino]
        return self._base.get(ino)

    def add(self, node: Node) -> None:
        self._top[node.ino] = node

    def writable(self, node: N) -> N:
        """The node of that number that may be changed: copied up if the top layer has none yet."""
        current = self._top.get(node.ino)
        if current is not None:
            return cast(N, current)
        copy = self._top[node.ino] = node.copy()
        return cast(N, copy)

    def drop(self, ino: Ino) -> None:
        """Forget a node for good; a mark is left only where a lower layer still has it."""
        own = self._top.pop(ino, None)
        below = self.get(ino)
        if below is None:
            return
        self._top[ino] = None
        if not isinstance(below, File) or not isinstance(own, File) or own.content is below.content:
            self.note_waste(below.charged_bytes)

    def put(self, ino: Ino, node: Node | None) -> None:
        """Store a node, or the mark that hides one of the base."""
        self._top[ino] = node

    def merged(self) -> Layer:
        """Everything over the base, marks that hide a node of it included."""
        merged: Layer = {}
        for layer in (*reversed(self._sealed), self._top):
            merged.update(layer)
        return {ino: node for ino, node in merged.items() if node is not None or ino in self._base}

    def note_waste(self, bytes: int) -> None:
        """Sealed content of that size was replaced or dropped on this side."""
        self._waste += bytes

    def fork(self) -> "Layers":
        """Seal what there is; both sides go on with an empty writable layer of their own."""
        if self._top:
            self._sealed = (self._top, *self._sealed)
            self._top = {}
        if len(self._sealed) > MAX_SEALED or self._waste > self._waste_limit:
            self._merge()
        twin = Layers.__new__(Layers)
        twin._base, twin._sealed, twin._top = self._base, self._sealed, {}
        twin._waste, twin._waste_limit = self._waste, self._waste_limit
        return twin

    def _merge(self) -> None:
        kept = self.merged()  # the top is empty
        self._sealed = (kept,) if kept else ()
        self._waste = 0
