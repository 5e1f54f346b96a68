"""Stands for container images: a folder on this machine in the place of an image that cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

PLACES = (".", "opt/program", "opt/ml/code", "usr/local/bin", "usr/bin", "bin")


class Images:
    """Finds the program of an image.

    Args:
        images: pairs of an image URI (or a glob of it) and the folder that stands for that image's file system.
    """

    def __init__(self, images: Iterable[tuple[str, Path]]) -> None:
        self._images = [(pattern, Path(folder)) for pattern, folder in images]

    def folder(self, image_uri: str) -> Path | None:
        """Give the folder that stands for an image, or None when nothing was said about it."""
        for pattern, folder in self._images:
            if pattern == image_uri or fnmatchcase(image_uri, pattern):
                return folder.resolve()
        return None

    def program(self, image_uri: str, name: str) -> Path | None:
        """Give the program ``train`` or ``serve`` of an image, or None when there is none."""
        folder = self.folder(image_uri)
        if folder is None:
            return None
        return next((folder / place / name for place in PLACES if (folder / place / name).is_file()), None)

    def root_of(self, program: str) -> Path | None:
        """Give the folder of the image that a program lies in, or None for a program of this machine."""
        folders = (folder.resolve() for _, folder in self._images)
        return next((folder for folder in folders if Path(program).resolve().is_relative_to(folder)), None)
