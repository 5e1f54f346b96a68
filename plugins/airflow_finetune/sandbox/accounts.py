"""The accounts of one sandbox: documents, limits, jobs and endpoints of its own each; one clock, bill and log."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from .state import Quotas, Store
from .world import World


class Accounts:
    """Makes the world of an account when it is first asked for.

    Args:
        first: the world of the account that the settings name.
    """

    def __init__(self, first: World) -> None:
        self._first = first
        self._others: dict[str, World] = {}
        self._lock = threading.Lock()

    def of(self, account: str) -> World:
        """Return the world of an account.

        Args:
            account: twelve digits.
        """
        if account == self._first.settings.account:
            return self._first
        with self._lock:
            if account not in self._others:
                self._others[account] = world = self._make(account)
                world.start()
            return self._others[account]

    def all(self) -> Sequence[World]:
        """Return every world that there is, the settings' own first."""
        with self._lock:
            return [self._first, *self._others.values()]

    def reset(self) -> None:
        """Empty the first account, and end the others as if nobody had asked for them."""
        self._first.empty()
        self.close_others()

    def close_others(self) -> None:
        """End what runs in the other accounts; call it while the server still answers."""
        with self._lock:
            others, self._others = list(self._others.values()), {}
        for world in others:
            world.close()

    def _make(self, account: str) -> World:
        first = self._first
        folder = first.settings.state_dir / "accounts" / account
        return replace(
            first,
            settings=replace(first.settings, account=account, state_dir=folder),
            store=Store(),
            quotas=Quotas(first.clock),
            clients=first.clients.of(account),
        )
