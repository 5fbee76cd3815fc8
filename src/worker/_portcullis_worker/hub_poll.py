"""A poll that lets greenlets run while it waits."""

from __future__ import annotations

# Bound before anything is patched: eventlet takes them away.
from select import epoll
from typing import Optional

from .hub import Hub


class HubPoll:
    """
    As `select.poll`. The kernel keeps what is watched, and that is a descriptor itself: the hub watches this one alone, and one
    turn of it may bring events of all links.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._epoll = epoll()
        self._descriptor = self._epoll.fileno()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def poll(self, milliseconds: Optional[float] = None) -> list[tuple[int, int]]:
        events: list[tuple[int, int]] = self._epoll.poll(0)
        if events or milliseconds == 0:
            return events
        self._hub.wait_readable(self._descriptor, None if milliseconds is None else milliseconds / 1000)
        return self._epoll.poll(0)

