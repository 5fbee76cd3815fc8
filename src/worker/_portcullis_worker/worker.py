"""What the worker classes have in common."""

from __future__ import annotations

import os
import time
from collections import deque
from select import POLLIN, POLLOUT
from types import FrameType
from typing import Any, Iterable, Optional, Protocol, Union

from .control import CONTROL_DESCRIPTOR, Control
from .error_log import ErrorLog
from .exchange import Exchange
from .file_wrapper import FileWrapper
from .lifeline import LIFELINE_DESCRIPTOR
from .link import WELCOME_S, Link
from .loaded_files import LoadedFiles
from .process import EXIT_BROKEN, end_process, show_phase
from .response_head import Application
from .stuck_requests import StuckRequests
from .tracebacks import stack_at

# After a fault, requests that run may finish for so long.
CRASH_S = 5.0


class Poll(Protocol):
    """What `select.poll` has."""

    def register(self, descriptor: Union[int, Link], events: int) -> None: ...

    def modify(self, descriptor: Union[int, Link], events: int) -> None: ...

    def unregister(self, descriptor: Union[int, Link]) -> None: ...

    def poll(self, milliseconds: Optional[float] = None) -> list[tuple[int, int]]: ...


class Worker:
    """What all classes do: one thread or greenlet, the main one, polls the control channel and all links."""

    def __init__(
        self, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str, poll: Poll
    ) -> None:
        settings = start["python"]
        # Of a server in development: told of what the application imports later on.
        self.watched_files: Optional[LoadedFiles] = None
        self.log = log
        self.app = app
        self.app_name = app_name
        # Read, and not begun: of all links, in the order in which they came.
        self.pending: deque[Exchange] = deque()
        self.links: dict[int, Link] = {}
        self.environ_base: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.multithread": settings["workerClass"] != "sync",
            "wsgi.multiprocess": settings["multiprocess"],
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
            "portcullis.tls": None,
        }
        self._stuck = StuckRequests()
        self._control = control
        # Requests that may begin until the master hears of it; it starts another worker, and drains this one.
        self._left = start["maxRequests"]
        self._is_draining = False
        self._exit_status = 0
        self._crash_deadline: Optional[float] = None
        self._poll = poll
        self._poll.register(CONTROL_DESCRIPTOR, POLLIN)
        os.register_at_fork(after_in_child=self._close_in_child)

    def serve(self) -> None:
        """Never returns."""
        raise NotImplementedError

    def wait_for(self, link: Link) -> None:
        """The lock of the link is held, and let go until something has changed."""
        raise NotImplementedError

    def made_piece(self, link: Link) -> None:
        """An application that makes its answer piece by piece has made one."""
        raise NotImplementedError

    def wants_to_write(self, link: Link) -> None:
        """The kernel takes no more now."""
        raise NotImplementedError

    def turn(self, may_wait: bool) -> None:
        """Reads what there is of orders and frames, waiting for it if it may."""
        if self.watched_files is not None:
            self.watched_files.look()
        for descriptor, events in self._poll.poll(self._patience_ms() if may_wait else 0):
            if descriptor == CONTROL_DESCRIPTOR:
                self._read_orders()
            else:
                link = self.links.get(descriptor)
                if link is not None:
                    link.ready(events)
                    if link.state != "closed" and not link.has_unsent:
                        self._poll.modify(link, POLLIN)
                else:
                    self._other_ready(descriptor)
        self._expire()

    def faulted(self, reason: str) -> None:
        """An edge found that this process breaks the protocol. It is not fit to go on; the master starts another."""
        self.log.critical(f"an edge refused this worker: {reason}")
        self.give_up()

    def give_up(self) -> None:
        self._exit_status = EXIT_BROKEN
        self._crash_deadline = self._crash_deadline or time.monotonic() + CRASH_S
        self._drain()

    def forget(self, link: Link) -> None:
        self.links.pop(link.fileno(), None)
        self._poll.unregister(link)

    def running(self) -> Iterable[tuple[Exchange, Optional[FrameType]]]:
        """The requests that run beside this thread or greenlet, and where they are."""
        return ()

    def _end_if_drained(self) -> None:
        """Requests that lost their client with the link still close what they have open, if they ever come back."""
        if self._is_draining and not self.links and all(exchange in self._stuck.found for exchange, _ in self.running()):
            end_process(self._exit_status)

    def _look_for_stuck(self, timeout_s: float) -> None:
        if timeout_s == 0:
            return
        running = dict(self.running())
        found = self._stuck.look(running, timeout_s, time.monotonic())
        for exchange in found:
            what = f"nobody waits for this request any more, and it has not come back for {2 * timeout_s:g} s"
            self.log.error(f"{exchange.errors.subject}: {what}", stack_at(running[exchange]))
        if found:
            self._control.send(type="stuck", requests=len(self._stuck.found))

    def _count(self) -> None:
        """A request begins."""
        self._left -= 1
        if self._left == 0:
            self._control.send(type="max-requests")

    def _watch_room(self, link: Link) -> None:
        if link.fileno() in self.links:
            self._poll.modify(link, POLLIN | POLLOUT)

    def _other_ready(self, descriptor: int) -> None:
        """Of what only one class has."""

    def _patience_ms(self) -> Optional[float]:
        deadlines = [link.deadline for link in self.links.values() if link.deadline is not None]
        if self._crash_deadline is not None:
            deadlines.append(self._crash_deadline)
        return max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None

    def _expire(self) -> None:
        if self._crash_deadline is not None and time.monotonic() >= self._crash_deadline:
            end_process(self._exit_status)
        for link in list(self.links.values()):
            if link.deadline is not None and time.monotonic() >= link.deadline:
                link.fail(f"no welcome within {WELCOME_S * 1000:.0f} ms")

    def _read_orders(self) -> None:
        messages = self._control.receive()
        if messages is None:
            # The master is gone, or does not want to hear of us: either way nothing is left to do.
            end_process(0)
            return
        self.obey(messages)

    def obey(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            kind = message["type"]
            if kind == "ping":
                # In the thread that the application could hold up: no answer means that it does nothing else either.
                self._control.send(type="pong")
                self._look_for_stuck(message.get("workerMs", 0) / 1000)
            elif kind == "connect":
                self._connect(message)
            elif kind == "drain":
                self._drain()
            elif kind == "stop":
                end_process(0)

    def _connect(self, message: dict[str, Any]) -> None:
        if self._is_draining:
            return
        try:
            link = Link(self, message["path"], message["token"], message["startedPath"])
        except OSError as error:
            self.log.error(f"no link to an edge: {error}")
            return
        self.links[link.fileno()] = link
        self._poll.register(link, POLLIN)

    def _drain(self) -> None:
        self._is_draining = True
        show_phase("draining")
        for link in list(self.links.values()):
            link.drain()

    def _close_in_child(self) -> None:
        self._control.close_in_child()
        for link in self.links.values():
            link.close_in_child()
        self.links.clear()
        try:
            os.close(LIFELINE_DESCRIPTOR)
        except OSError:
            pass
