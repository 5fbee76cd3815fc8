"""The class `gthread`."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections import deque
from queue import SimpleQueue
from types import FrameType
from typing import Any, Iterable, Optional

from .control import Control
from .error_log import ErrorLog
from .exchange import Exchange
from .link import Link
from .process import EXIT_BROKEN, end_process
from .response_head import Application
from .tracebacks import stack_of
from .worker import Worker


class ThreadWorker(Worker):
    """
    `threads` requests at a time, each in a thread of its own. The main thread reads and never runs an application, so it
    answers the master even where all threads are busy.
    """

    def __init__(self, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str) -> None:
        super().__init__(control, start, log, app, app_name, select.poll())
        self._thread_count = start["python"]["threads"]
        # One ticket for each request in `_ready`. A request is taken and marked as begun under one lock: in the order of ids.
        self._tickets: SimpleQueue[None] = SimpleQueue()
        self._ready: deque[Exchange] = deque()
        self._begin_lock = threading.Lock()
        self._running: dict[int, Exchange] = {}
        # Links that could not write all that a thread had for them; the byte wakes the poll of the main thread.
        self._full_links: deque[Link] = deque()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._poll.register(self._wake_reader, select.POLLIN)

    def serve(self) -> None:
        for number in range(1, self._thread_count + 1):
            threading.Thread(target=self._run_requests, name=f"request-{number}", daemon=True).start()
        while True:
            self.turn(may_wait=True)
            while self.pending:
                self._ready.append(self.pending.popleft())
                self._tickets.put(None)
            self._end_if_drained()

    def running(self) -> Iterable[tuple[Exchange, Optional[FrameType]]]:
        frames = sys._current_frames()
        return [(exchange, frames.get(thread)) for thread, exchange in list(self._running.items())]

    def wait_for(self, link: Link) -> None:
        link.changed.wait()

    def made_piece(self, link: Link) -> None:
        with link.lock:
            link.flush()

    def wants_to_write(self, link: Link) -> None:
        self._full_links.append(link)
        self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            pass

    def _other_ready(self, descriptor: int) -> None:
        if descriptor != self._wake_reader:
            return
        os.read(self._wake_reader, 4096)
        while self._full_links:
            self._watch_room(self._full_links.popleft())

    def _run_requests(self) -> None:
        thread = threading.get_ident()
        try:
            while True:
                self._tickets.get()
                with self._begin_lock:
                    exchange = self._ready.popleft()
                    if not exchange.link.begin(exchange):
                        continue
                    self._running[thread] = exchange
                    self._count()
                since = time.monotonic()
                exchange.run(self.app)
                took = time.monotonic() - since
                link = exchange.link
                with link.lock:
                    if link.state != "closed":
                        link.tell_pace(took)
                    link.flush()
                del self._running[thread]
                if self._is_draining or self.watched_files is not None:
                    self._wake()
        except BaseException as error:  # noqa: BLE001
            self.log.critical("a worker thread failed; this worker ends", stack_of(error))
            end_process(EXIT_BROKEN)
