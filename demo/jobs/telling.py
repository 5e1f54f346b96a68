"""Says once what is new about a job."""

from __future__ import annotations

from demo.progress import Progress


class Telling:
    """What has been said of a job.

    Args:
        progress: where to say it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def once(self, text: str) -> None:
        """Say it, unless it was said."""
        if text not in self._said:
            self._said.add(text)
            self._progress.say(f"fine_tune: {text}")
