"""Documents of our own services, by kind, region and name; in memory, safe to use from every thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

Document = dict[str, Any]


def copy_of(value: Any) -> Any:
    """Copy nested dicts and lists; leaves (text, numbers, datetimes) are shared, for they cannot change."""
    if isinstance(value, dict):
        return {key: copy_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_of(item) for item in value]
    return value


class Store:
    """Named documents; what goes in and what comes out are copies, so nobody changes a document by accident."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, str], dict[str, Document]] = {}
        self._lock = threading.RLock()

    def create(self, kind: str, region: str, name: str, doc: Document) -> bool:
        """Store a new document in one step; False (and no change) when the name is taken."""
        with self._lock:
            shelf = self._shelves.setdefault((kind, region), {})
            if name in shelf:
                return False
            shelf[name] = copy_of(doc)
            return True

    def put(self, kind: str, region: str, name: str, doc: Document) -> None:
        """Store a document whether or not the name is taken."""
        with self._lock:
            self._shelves.setdefault((kind, region), {})[name] = copy_of(doc)

    def get(self, kind: str, region: str, name: str) -> Document | None:
        """A copy of the document, or None."""
        with self._lock:
            doc = self._shelves.get((kind, region), {}).get(name)
            return None if doc is None else copy_of(doc)

    def update(self, kind: str, region: str, name: str, change: Callable[[Document], None]) -> Document | None:
        """Let ``change`` edit the document in one step; what it raises leaves the document as it was.

        Returns:
            A copy of the changed document, or None when there is no such document (``change`` is not called).
        """
        with self._lock:
            shelf = self._shelves.get((kind, region), {})
            if name not in shelf:
                return None
            draft: Document = copy_of(shelf[name])
            change(draft)
            shelf[name] = draft
            copied: Document = copy_of(draft)
            return copied

    def delete(self, kind: str, region: str, name: str) -> bool:
        """Remove the document; False when there was none."""
        with self._lock:
            return self._shelves.get((kind, region), {}).pop(name, None) is not None

    def list(self, kind: str, region: str) -> list[Document]:
        """Copies of all documents of a kind in a region, in the order in which they were created."""
        with self._lock:
            return [copy_of(doc) for doc in self._shelves.get((kind, region), {}).values()]

    def shelves(self) -> dict[tuple[str, str], Sequence[str]]:
        """The names of all documents, by kind and region."""
        with self._lock:
            return {key: sorted(shelf) for key, shelf in self._shelves.items() if shelf}

    def names(self, kind: str) -> Sequence[tuple[str, str]]:
        """(region, name) of every document of a kind."""
        with self._lock:
            return [(region, name) for (k, region), shelf in self._shelves.items() if k == kind for name in shelf]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._shelves.clear()
