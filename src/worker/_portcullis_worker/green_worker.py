"""The classes `gevent` and `eventlet`."""

from __future__ import annotations

import time
from importlib import import_module
from types import FrameType
from typing import Any, Iterable, Iterator, Optional

from .control import Control
from .error_log import ErrorLog
from .exchange import Exchange
from .hub import Hub
from .hub_poll import HubPoll
from .lifeline import watch_greenlets
from .link import Link
from .process import EXIT_BROKEN, end_process
from .response_head import Application
from .sync_worker import MAX_SLICE_S, PIECE_TURN_S
from .tracebacks import stack_of
from .worker import Worker


class GreenWorker(Worker):
    """
    `connections` requests at a time, each in a greenlet. The main greenlet reads the links and the orders of the master: it
    answers as long as the hub turns, and not while an application computes or waits for something that was not patched.
    """

    def __init__(
        self, hub: Hub, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str
    ) -> None:
        self._hub = hub
        super().__init__(control, start, log, app, app_name, HubPoll(hub))
        self._most_running = start["python"]["connections"]
        self._running: dict[Any, Exchange] = {}
        self._greenlets = 0
        self._has_answers = False
        self._since = 0.0
        self._last_pause = 0.0
        self._current = import_module("greenlet").getcurrent
        watch_greenlets(self._frames)

    def serve(self) -> None:
        while True:
            self.turn(may_wait=True)
            for _ in range(min(len(self.pending), self._most_running - self._greenlets)):
                self._greenlets += 1
                self._hub.spawn(self._run_requests)
            self._end_if_drained()

    def running(self) -> Iterable[tuple[Exchange, Optional[FrameType]]]:
        return [(exchange, greenlet.gr_frame) for greenlet, exchange in list(self._running.items())]

    def wait_for(self, link: Link) -> None:
        link.changed.wait()

    def made_piece(self, link: Link) -> None:
        with link.lock:
            link.flush()
        # An application that makes pieces without ever waiting: others should run, and clients that go should be noticed.
        now = time.monotonic()
        if now - self._last_pause > PIECE_TURN_S:
            self._last_pause = now
            self._hub.pause()

    def wants_to_write(self, link: Link) -> None:
        self._watch_room(link)

    def _run_requests(self) -> None:
        """One after the other as long as there are some: no greenlet is made for what already waits."""
        greenlet = self._current()
        pending = self.pending
        try:
            while pending:
                exchange = pending.popleft()
                if not exchange.link.begin(exchange):
                    continue
                self._count()
                self._let_out(False)
                self._running[greenlet] = exchange
                exchange.run(self.app)
                del self._running[greenlet]
                self._let_out(True)
                if self.watched_files is not None:
                    self.watched_files.look()
            self._greenlets -= 1
            self._end_if_drained()
        except BaseException as error:  # noqa: BLE001
            self.log.critical("a greenlet of this worker failed; it ends", stack_of(error))
            end_process(EXIT_BROKEN)

    def _let_out(self, has_answered: bool) -> None:
        """What requests of one turn of the hub have answered goes out together, unless that has taken longer than a slice."""
        if self._has_answers:
            if time.monotonic() - self._since > MAX_SLICE_S:
                self._flush()
        elif has_answered:
            self._has_answers = True
            self._since = time.monotonic()
            self._hub.soon(self._flush)

    def _flush(self) -> None:
        self._has_answers = False
        for link in list(self.links.values()):
            if link.out:
                with link.lock:
                    link.flush()

    def _frames(self) -> Iterator[tuple[str, FrameType]]:
        """Where the requests are that wait; the one that runs is where its thread is."""
        for exchange, frame in self.running():
            if frame is not None:
                yield f"greenlet of {exchange.errors.subject}", frame
