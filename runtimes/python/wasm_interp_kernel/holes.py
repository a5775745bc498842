"""Fills the free blocks that are scattered over the heap.

A context that writes to a page of the image gets a copy of that page. The C library's allocator goes round
among free blocks, so in a heap with holes the objects of one cell after the other cost pages all over the image.
With the holes filled, they lie side by side at the end of the heap, in few pages of the context's own.
"""

_EMPTY_BYTES = ().__sizeof__() + 8  # with what the garbage collector puts before it
_ITEM_BYTES = 4
_LARGEST = 1 << 20
_FINE = 1024  # below it every size is tried, above it every one that is a tenth smaller
_STEP = 8  # the alignment of the C library's allocator
_SMALLEST = 24
_MOST = 400_000  # per size; a bound, should addresses tell nothing

_chain: tuple = ()


def fill() -> None:
    """Take free blocks, the largest first, until each size comes from the end of the heap.

    Each block is a tuple of the one before it, so nothing else is allocated that could leave new holes.
    """
    global _chain
    chain = _chain
    last = bytes(4 * _LARGEST)  # too large for any hole
    end = id(last)
    size = _LARGEST
    while size >= _SMALLEST:
        count = (size - _EMPTY_BYTES) // _ITEM_BYTES or 1
        for _ in range(_MOST):
            chain = (chain,) * count
            if id(chain) > end:
                break
        size = size * 9 // 10 if size > _FINE else size - _STEP
    _chain = chain
