"""Calls that do not come back although nobody waits for them any more."""

from __future__ import annotations

from typing import Iterable

from .exchange import Exchange
from .exchange_state import GONE


class StuckRequests:
    """
    A thread cannot be ended from outside, only its process can. The edge answers 504 after one time-out; a call that has run
    for two, and had a whole one to notice that its client is gone, is not slow: it hangs, and keeps its thread for ever. We do
    not wait until all threads are taken: with half of them a server is half as fast, and nobody would know why.

    Looked at with each ping of the master, so that a request costs nothing for it.
    """

    def __init__(self) -> None:
        # First seen, and first seen with nobody waiting.
        self._begun: dict[Exchange, float] = {}
        self._gone: dict[Exchange, float] = {}
        self.found: set[Exchange] = set()

    def look(self, running: Iterable[Exchange], timeout_s: float, now: float) -> list[Exchange]:
        """Those that are found for the first time."""
        current = set(running)
        self._begun = {exchange: self._begun.get(exchange, now) for exchange in current}
        self._gone = {exchange: self._gone.get(exchange, now) for exchange in current if exchange.state == GONE}
        self.found &= current
        new = [
            exchange
            for exchange, since in self._gone.items()
            if exchange not in self.found and now - since >= timeout_s and now - self._begun[exchange] >= 2 * timeout_s
        ]
        self.found.update(new)
        return new
