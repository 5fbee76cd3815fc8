"""`wsgi.input`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Iterator, Optional

from .exchange_state import GONE, RUNNING

if TYPE_CHECKING:
    from .exchange import Exchange


class ClientGone(ConnectionError):
    """Raised in the application where it reads or writes: nobody waits for the response any more."""


class EmptyContent:
    """`wsgi.input` of a request without content; one for all of them."""

    __slots__ = ()

    def read(self, size: Optional[int] = -1) -> bytes:
        return b""

    def readline(self, size: Optional[int] = -1) -> bytes:
        return b""

    def readlines(self, hint: Optional[int] = -1) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise StopIteration


class RequestContent:
    """
    `wsgi.input`: the content of one request, and b"" behind its end. What the application takes may be granted again, so that
    never more than the window of the link waits here.
    """

    __slots__ = ("_exchange", "_held", "_has_ended")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._held = bytearray()
        self._has_ended = False

    def read(self, size: Optional[int] = -1) -> bytes:
        """As of a file: exactly `size` bytes where there are so many."""
        left = sys.maxsize if size is None or size < 0 else size
        parts = []
        while left > 0:
            part = self._take(left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readline(self, size: Optional[int] = -1) -> bytes:
        left = sys.maxsize if size is None or size < 0 else size
        parts = []
        while left > 0:
            part = self._take(left, to_line_end=True)
            if not part:
                break
            parts.append(part)
            left -= len(part)
            if part.endswith(b"\n"):
                break
        return b"".join(parts)

    def readlines(self, hint: Optional[int] = -1) -> list[bytes]:
        lines = []
        taken = 0
        for line in self:
            lines.append(line)
            taken += len(line)
            if hint is not None and 0 < hint <= taken:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _take(self, most: int, to_line_end: bool = False) -> bytes:
        """What is there, and at least one byte; b"" is the end."""
        exchange = self._exchange
        held = self._held
        with exchange.link.lock:
            while not held:
                if self._has_ended:
                    return b""
                if exchange.state != RUNNING:
                    raise ClientGone("the client is gone" if exchange.state == GONE else "the response is over")
                exchange.link.wait()
            if to_line_end:
                line_end = held.find(b"\n", 0, most)
                if line_end >= 0:
                    most = line_end + 1
            if most >= len(held):
                taken = bytes(held)
                held.clear()
            else:
                with memoryview(held) as view:
                    taken = bytes(view[:most])
                del held[:most]
            exchange.content_consumed(len(taken))
        return taken

    def receive(self, content: memoryview) -> None:
        if not self._has_ended:
            self._held += content

    def receive_end(self) -> None:
        self._has_ended = True


EMPTY_CONTENT = EmptyContent()
