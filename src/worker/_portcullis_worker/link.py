"""One link, as docs/link.md has it."""

from __future__ import annotations

import os
import threading
import time

# Bound before a library of greenlets patches it: this socket is only ever used when it is ready.
from select import POLLOUT
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import TYPE_CHECKING, Optional, Union

from .exchange import Exchange
from .exchange_state import GONE, RUNNING
from .frames import (
    ABORT,
    CONTENT,
    CREDIT,
    DRAINING,
    END,
    FAULT,
    FRAME_HEADER_BYTES,
    HELLO,
    HELLO_PAYLOAD,
    LINK_VERSION,
    MAX_PIECE_BYTES,
    MAX_SMALL_PAYLOAD_BYTES,
    PACE,
    REQUEST,
    U32,
    WELCOME,
    WELCOME_PAYLOAD,
    frame,
    header_fault,
    is_after,
    read_frame_header,
)

if TYPE_CHECKING:
    from .worker import Worker

READ_BYTES = 256 * 1024
# One thread reads all links. Memory of this size for each read would be mapped, and given back, each time.
_read_buffer = memoryview(bytearray(READ_BYTES))
# From the connect to the edge's welcome: an edge that lives welcomes at once; one that is stopped or dead does not.
WELCOME_S = 10.0


class Link:
    """
    A worker's end of the link to one edge. One thread reads it; any thread that runs a request writes, under the lock. `out`
    is what leaves with the next write: lists of bytes are joined once, and a whole batch costs one call of the kernel.
    """

    def __init__(self, worker: Worker, path: str, token: str, started_path: str) -> None:
        """Raises OSError where the edge is gone."""
        self.worker = worker
        self.log = worker.log
        self.app_name = worker.app_name
        self.lock = threading.Lock()
        # Content or credit came for a request of this link, or its end did.
        self.changed = threading.Condition(self.lock)
        self.requests: dict[int, Exchange] = {}
        self.out: list[Union[bytes, memoryview]] = []
        # Content in `out` and `_unsent`.
        self.out_bytes = 0
        self.state = "greeting"
        self.deadline: Optional[float] = time.monotonic() + WELCOME_S
        self.max_payload_bytes = MAX_SMALL_PAYLOAD_BYTES
        self.max_head_bytes = 0
        self.content_window_bytes = 0
        self.response_window_bytes = 0
        self._environ_base = worker.environ_base
        self._last_id: Optional[int] = None
        self._unsent: Union[bytes, memoryview] = b""
        # The beginning of a frame, and how much of it has to be there before it is worth another look.
        self._held = bytearray()
        self._needed_bytes = FRAME_HEADER_BYTES
        self._started = os.open(started_path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._socket = socket(AF_UNIX, SOCK_STREAM)
        try:
            self._socket.connect(path)
            self._socket.sendall(frame(HELLO, 0, HELLO_PAYLOAD.pack(LINK_VERSION, 0, os.getpid(), bytes.fromhex(token))))
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            os.close(self._started)
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Asks the edge for no more requests; it closes the link when the last one has ended."""
        if self.state == "greeting":
            self._end()
        elif self.state == "open":
            self.state = "draining"
            with self.lock:
                self.out.append(frame(DRAINING, 0))
                self.flush()

    def begin(self, exchange: Exchange) -> bool:
        """Marks it as begun; false: it must not be run. Called in the order of the ids."""
        with self.lock:
            if exchange.state != RUNNING:
                return False
            try:
                os.pwrite(self._started, U32.pack(exchange.id), 0)
                return True
            except OSError as error:
                fault = f"cannot mark requests as begun: {error}"
        # Without the mark the edge could run it a second time elsewhere: better here not at all.
        self.fail(fault)
        return False

    def tell_pace(self, seconds: float) -> None:
        """With what leaves next: how long a request took the application. The lock is held."""
        microseconds = min(max(int(seconds * 1_000_000), 0), 0xFFFFFFFF)
        self.out.append(frame(PACE, 0, U32.pack(microseconds)))

    def flush(self) -> None:
        """Writes what the kernel takes; the rest goes when it takes more. The lock is held."""
        while self.state != "closed":
            if not self._unsent:
                if not self.out:
                    self.out_bytes = 0
                    return
                self._unsent = b"".join(self.out)
                self.out.clear()
            try:
                sent_bytes = self._socket.send(self._unsent)
            except BlockingIOError:
                sent_bytes = 0
            except OSError:
                # The reader finds the end of the link, and tells all that wait for it.
                self._unsent = b""
                self.out.clear()
                return
            if sent_bytes < len(self._unsent):
                self._unsent = memoryview(self._unsent)[sent_bytes:]
                self.out_bytes = len(self._unsent)
                self.worker.wants_to_write(self)
                return
            self._unsent = b""

    @property
    def has_unsent(self) -> bool:
        return len(self._unsent) > 0

    def wait(self) -> None:
        """For content, credit, room or the end of a request. The lock is held, and let go meanwhile."""
        self.flush()
        self.worker.wait_for(self)

    def ready(self, events: int) -> None:
        """The poll says that there is something to read, or room for more."""
        if self.state == "closed":
            return
        if events & POLLOUT:
            with self.lock:
                self.flush()
                self.changed.notify_all()
        if events & ~POLLOUT:
            self._read()

    def fail(self, fault: str) -> None:
        """The edge breaks the protocol, or we can: no request of this link begins any more."""
        if self.state != "closed":
            self.log.error(f"the link to an edge is broken: {fault}")
            self._end()

    def _end(self) -> None:
        with self.lock:
            if self.state == "closed":
                return
            self.state = "closed"
            self.deadline = None
            for exchange in self.requests.values():
                exchange.state = GONE
            self.requests.clear()
            self.out.clear()
            self.worker.forget(self)
            self._socket.close()
            os.close(self._started)
            self.changed.notify_all()

    def close_in_child(self) -> None:
        """A process that the application forked would hold the link open when this one ends."""
        self.state = "closed"
        self._socket.close()
        os.close(self._started)

    def _read(self) -> None:
        try:
            read_bytes = self._socket.recv_into(_read_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            read_bytes = 0
        if read_bytes == 0:
            self._end()
            return
        data = bytes(_read_buffer[:read_bytes])
        if self._held:
            self._held += data
            if len(self._held) < self._needed_bytes:
                return
            data = bytes(self._held)
            self._held.clear()
        fault = self._receive(data)
        if fault is not None:
            self.fail(fault)
        elif self.out:
            # Answers to what was read: aborts, that is.
            with self.lock:
                self.flush()

    def _receive(self, data: bytes) -> Optional[str]:
        """Reads all whole frames, and answers what is wrong with one, or None."""
        at = 0
        size = len(data)
        needed_bytes = FRAME_HEADER_BYTES
        while size - at >= FRAME_HEADER_BYTES:
            length, kind, flags, zero, request_id = read_frame_header(data, at)
            if zero or flags > END or length > self.max_payload_bytes or kind not in (REQUEST, CONTENT):
                fault = header_fault(length, kind, flags, zero, self.max_payload_bytes)
                if fault is not None:
                    return fault
            start = at + FRAME_HEADER_BYTES
            stop = start + length
            if stop > size:
                needed_bytes = FRAME_HEADER_BYTES + length
                break
            if kind == REQUEST and self.deadline is None:
                fault = self._receive_request(request_id, flags, str(data[start:stop], "latin-1"))
            else:
                fault = self._receive_other(kind, flags, request_id, memoryview(data)[start:stop])
            if fault is not None:
                return fault
            if self.state == "closed":
                return None
            at = stop
        if at < size:
            self._held += memoryview(data)[at:]
            self._needed_bytes = needed_bytes
        return None

    def _receive_request(self, request_id: int, flags: int, block: str) -> Optional[str]:
        if self._last_id is not None and not is_after(request_id, self._last_id):
            return f"request {request_id} after {self._last_id}"
        self._last_id = request_id
        environ = self._environ_base.copy()
        if block:
            strings = block.split("\0")
            # What follows the last NUL, which is nothing, is a string too.
            if not len(strings) & 1 or strings[-1]:
                return "malformed environ"
            string = iter(strings)
            environ.update(zip(string, string))
        exchange = Exchange(self, request_id, environ, not flags)
        self.requests[request_id] = exchange
        self.worker.pending.append(exchange)
        return None

    def _receive_other(self, kind: int, flags: int, request_id: int, payload: memoryview) -> Optional[str]:
        if kind == FAULT:
            self.worker.faulted(str(payload, "latin-1"))
            return None
        if kind == WELCOME:
            return self._receive_welcome(request_id, payload)
        if self.deadline is not None:
            return f"frame of type {kind} before the welcome"
        with self.lock:
            exchange = self.requests.get(request_id)
            if exchange is None:
                # What the edge sent before it read our last frame about this request.
                if self._last_id is None or is_after(request_id, self._last_id):
                    return f"frame for request {request_id}, which never came"
                return None
            fault = self._receive_about(exchange, kind, flags, payload)
            self.changed.notify_all()
            return fault

    def _receive_about(self, exchange: Exchange, kind: int, flags: int, payload: memoryview) -> Optional[str]:
        if kind == CONTENT:
            if len(payload) > 0 and not exchange.receive_content(payload):
                return "more content than granted"
            if flags:
                exchange.receive_content_end()
        elif kind == CREDIT:
            if len(payload) != 4:
                return f"credit of {len(payload)} bytes"
            if not exchange.receive_credit(U32.unpack(payload)[0]):
                return "credit for content that was not sent"
        elif kind == ABORT:
            # Answered with an abort of our own, after which the edge forgets the id.
            exchange.state = GONE
            self.requests.pop(exchange.id, None)
            self.out.append(frame(ABORT, exchange.id, b"cancelled"))
        else:
            return f"frame of type {kind} from an edge"
        return None

    def _receive_welcome(self, request_id: int, payload: memoryview) -> Optional[str]:
        """The first one opens the link; a later one says what holds for the requests behind it."""
        if request_id != 0:
            return f"welcome for request {request_id}"
        if len(payload) != WELCOME_PAYLOAD.size:
            return f"welcome of {len(payload)} bytes"
        version, zero, content_window_bytes, response_window_bytes, max_payload_bytes = WELCOME_PAYLOAD.unpack(payload)
        if version != LINK_VERSION:
            return f"link version {version}, not {LINK_VERSION}"
        if zero != 0:
            return "reserved bytes are not zero"
        self.content_window_bytes = content_window_bytes
        self.response_window_bytes = response_window_bytes
        self.max_payload_bytes = max_payload_bytes
        self.max_head_bytes = max_payload_bytes - MAX_PIECE_BYTES - 4
        self.deadline = None
        if self.state == "greeting":
            self.state = "open"
        return None
