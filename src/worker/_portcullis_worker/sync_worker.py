"""The class `sync`."""

from __future__ import annotations

import select
import time
from typing import Any, Optional

from .control import Control
from .error_log import ErrorLog
from .link import Link
from .response_head import Application
from .worker import Worker

# Applications are called without a pause for at most this long; then what they answered goes out.
MAX_SLICE_S = 0.001
# So many calls after one that took longer than a slice are made one at a time: the next may take long as well.
CAUTIOUS_CALLS = 64
# A client that goes is noticed so soon while the application makes pieces.
PIECE_TURN_S = 0.01


class SyncWorker(Worker):
    """One request at a time, in the main thread. Where a request waits for its client, that thread reads the links."""

    def __init__(self, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str) -> None:
        super().__init__(control, start, log, app, app_name, select.poll())
        self._cautious_calls = 0
        self._last_turn = 0.0

    def serve(self) -> None:
        while True:
            self.turn(may_wait=not self.pending)
            if self.pending:
                self._run_pending()
            self._end_if_drained()

    def wait_for(self, link: Link) -> None:
        link.lock.release()
        try:
            self._flush()
            self._last_turn = time.monotonic()
            self.turn(may_wait=True)
        finally:
            link.lock.acquire()

    def made_piece(self, link: Link) -> None:
        self._flush()
        now = time.monotonic()
        if now - self._last_turn > PIECE_TURN_S:
            self._last_turn = now
            self.turn(may_wait=False)

    def wants_to_write(self, link: Link) -> None:
        self._watch_room(link)

    def _run_pending(self) -> None:
        """
        All frames at hand are read before the first call: a request that is aborted already does not run. What applications
        have answered goes out before they are called again for longer than a slice.
        """
        pending = self.pending
        app = self.app
        clock = time.monotonic
        since = before = clock()
        answered = 0
        while pending:
            exchange = pending.popleft()
            if not exchange.link.begin(exchange):
                continue
            self._count()
            exchange.run(app)
            answered += 1
            now = clock()
            if now - before > MAX_SLICE_S:
                self._cautious_calls = CAUTIOUS_CALLS
            before = now
            if self._cautious_calls > 0 or now - since > MAX_SLICE_S:
                self._cautious_calls = max(0, self._cautious_calls - 1)
                break
        self._flush((before - since) / answered if answered > 0 else None)

    def _flush(self, pace: Optional[float] = None) -> None:
        for link in list(self.links.values()):
            if link.out:
                with link.lock:
                    if pace is not None:
                        link.tell_pace(pace)
                    link.flush()
