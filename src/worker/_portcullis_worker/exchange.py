"""One request and its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .error_stream import ErrorStream
from .exchange_state import COMPLETE, GONE, RUNNING
from .frames import ABORT, CONTENT, CREDIT, END, FRAME_HEADER, MAX_PIECE_BYTES, RESPONSE, RESPONSE_START, U32, frame
from .request_content import EMPTY_CONTENT, ClientGone, RequestContent
from .response_head import Application, ExcInfo, Headers, ResponseHead, response_head
from .tracebacks import stack_of
from .value_in_words import kind_of

if TYPE_CHECKING:
    from .link import Link

ERROR_TEXT = b"Internal Server Error\n"
ERROR_HEAD = ResponseHead(b"500 Internal Server Error\0Content-Type\0text/plain; charset=utf-8\0", None, False)
# So much of each response goes however full the link is: a short one does not wait behind long ones.
PROMPT_BYTES = 16 * 1024
# With more than this under way content of responses waits where it is made: many windows together are no bound.
ROOM_BYTES = 1024 * 1024


class ContentTooLong(ValueError):
    """Raised by `write` behind the end that Content-Length announced."""


class Exchange:
    """
    One request, from the call of the application to the end of its response; the same for both worker classes. Nothing that
    the application does raises out of `run`. What the thread that reads the link changes too is changed under the link's lock.
    """

    __slots__ = (
        "link",
        "id",
        "state",
        "environ",
        "errors",
        "input",
        "is_head",
        "head",
        "is_head_sent",
        "window_bytes",
        "window",
        "accepted_bytes",
        "sent_bytes",
        "content_window_bytes",
        "may_come_bytes",
        "consumed_bytes",
    )

    def __init__(self, link: Link, request_id: int, environ: dict[str, Any], has_content: bool) -> None:
        self.link = link
        self.id = request_id
        self.state = RUNNING
        self.head: Optional[ResponseHead] = None
        self.is_head_sent = False
        # Content that counts against Content-Length; for a response without content, what was dropped.
        self.accepted_bytes = 0
        self.sent_bytes = 0
        # Of the response: how much the edge takes in all, and now.
        self.window = self.window_bytes = link.response_window_bytes
        self.is_head = environ.get("REQUEST_METHOD") == "HEAD"
        request_name = environ.get("portcullis.request_id")
        environ["wsgi.errors"] = self.errors = ErrorStream(link.log, link.app_name, request_name)
        self.input: Optional[RequestContent] = None
        if has_content:
            # Of the request: how much the edge may send, and what the application took and was not granted anew.
            self.may_come_bytes = self.content_window_bytes = link.content_window_bytes
            self.consumed_bytes = 0
            environ["wsgi.input"] = self.input = RequestContent(self)
        else:
            environ["wsgi.input"] = EMPTY_CONTENT
        self.environ: Optional[dict[str, Any]] = environ

    def run(self, app: Application) -> None:
        """Calls the application."""
        environ = self.environ
        # Environ and exchange know each other only while this runs: no cycle is left for the garbage collector.
        self.environ = None
        result: Any = None
        try:
            result = app(environ, self.start_response)  # type: ignore[arg-type]
            if type(result) is list and len(result) == 1 and self._answer_at_once(result[0]):
                return
            if self.state != GONE:
                self._answer(result)
        except BaseException as error:  # noqa: BLE001
            self._failed(error)
        finally:
            if result is not None and type(result) is not list:
                self._close(result)
            self.errors.flush()

    def start_response(self, status: str, headers: Headers, exc_info: Optional[ExcInfo] = None) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self.is_head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                # Else the traceback would keep this frame, and this frame the traceback.
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called twice; a second call needs exc_info")
        self.head = response_head(status, headers, self.link.max_head_bytes)
        return self.write

    def write(self, content: bytes) -> None:
        if not isinstance(content, bytes):
            raise TypeError(f"write: content must be bytes, not {kind_of(content)}")
        if self.state == GONE:
            raise ClientGone("the client is gone")
        if not content:
            return
        if not self._put(content):
            raise ContentTooLong("write: more content than this response may have")
        self.link.worker.made_piece(self.link)

    def _answer_at_once(self, piece: Any) -> bool:
        """The fast way out: one piece that is whole and fits takes head and end with it."""
        head = self.head
        if type(piece) is not bytes or head is None or self.is_head_sent or self.is_head or head.is_bodyless:
            return False
        size = len(piece)
        if size > self.window or size > MAX_PIECE_BYTES or head.content_length not in (None, size):
            return False
        link = self.link
        with link.lock:
            if self.state == RUNNING and link.out_bytes < ROOM_BYTES:
                encoded = head.encoded
                head_bytes = len(encoded)
                start = RESPONSE_START.pack(4 + head_bytes + size, RESPONSE, END, 0, self.id, head_bytes)
                link.out += (start, encoded, piece)
                link.out_bytes += size
                self.is_head_sent = True
                self._complete()
                return True
        return False

    def _answer(self, result: Any) -> None:
        if result is None:
            return self._fail("the application returned None, no iterable")
        if type(result) in (list, tuple):
            return self._answer_pieces(result)
        is_single = _piece_count(result) == 1
        for piece in result:
            if not self._check_piece(piece):
                return None
            if piece:
                if is_single:
                    self._announce(len(piece))
                if not self._put(piece):
                    return None
                # PEP 3333: no piece waits for the application to make the next one.
                self.link.worker.made_piece(self.link)
            if self.state == GONE:
                return None
        return self._finish()

    def _answer_pieces(self, pieces: Any) -> None:
        """The application has nothing more to do: the length is known, and what is small goes together."""
        for piece in pieces:
            if not self._check_piece(piece):
                return
        size = sum(map(len, pieces))
        whole = b"".join(pieces) if size <= MAX_PIECE_BYTES else None
        if whole is not None and self._answer_at_once(whole):
            return
        if size > 0:
            self._announce(size)
        for piece in pieces if whole is None else (whole,):
            if piece and not self._put(piece):
                return
        self._finish()

    def _check_piece(self, piece: object) -> bool:
        if not isinstance(piece, bytes):
            self._fail(f"a piece of the answer must be bytes, not {kind_of(piece)}")
        elif piece and self.head is None:
            self._fail("content came before start_response was called")
        else:
            return True
        return False

    def _announce(self, size: int) -> None:
        """PEP 3333 section "Handling the Content-Length Header": where it is known, and the application has not said it."""
        head = self.head
        if head is None or self.is_head_sent or head.content_length is not None or head.is_bodyless:
            return
        encoded = head.encoded + b"Content-Length\0%d\0" % size
        if len(encoded) <= self.link.max_head_bytes:
            self.head = ResponseHead(encoded, size, False)

    def _put(self, piece: bytes) -> bool:
        """Sends content, waiting for credit; false: no more is wanted. The head goes with the first of it."""
        head = self.head
        assert head is not None
        accepted_bytes = self.accepted_bytes
        self.accepted_bytes += len(piece)
        if self.is_head or head.is_bodyless:
            if self.state == RUNNING:
                self._send(b"", True)
            # What an application says to a HEAD is dropped, but not without end.
            return self.accepted_bytes <= self.window_bytes
        if head.content_length is None:
            self._send(piece, False)
            return True
        left = head.content_length - accepted_bytes
        if len(piece) > left:
            if self.state == RUNNING:
                self._send(piece[:left], True)
            self._log(f"the answer is longer than its Content-Length of {head.content_length}; the rest is not sent")
            return False
        self._send(piece, len(piece) == left)
        return True

    def _send(self, content: Union[bytes, memoryview], end: bool) -> None:
        link = self.link
        with link.lock:
            while True:
                if self.state != RUNNING:
                    raise ClientGone("the client is gone" if self.state == GONE else "the response is over")
                room = self.window
                if link.out_bytes >= ROOM_BYTES:
                    room = min(room, max(0, PROMPT_BYTES - self.sent_bytes))
                room = min(room, MAX_PIECE_BYTES)
                if len(content) <= room:
                    return self._emit(content, end)
                if room > 0:
                    content = memoryview(content)
                    self._emit(content[:room], False)
                    content = content[room:]
                else:
                    link.wait()

    def _emit(self, content: Union[bytes, memoryview], end: bool) -> None:
        """One frame; the lock is held and the window is open."""
        link = self.link
        size = len(content)
        flags = END if end else 0
        if self.is_head_sent:
            link.out += (FRAME_HEADER.pack(size, CONTENT, flags, 0, self.id), content)
        else:
            assert self.head is not None
            head = self.head.encoded
            link.out += (RESPONSE_START.pack(4 + len(head) + size, RESPONSE, flags, 0, self.id, len(head)), head, content)
            self.is_head_sent = True
        link.out_bytes += size
        self.window -= size
        self.sent_bytes += size
        if end:
            self._complete()

    def _complete(self) -> None:
        self.state = COMPLETE
        self.link.requests.pop(self.id, None)

    def _finish(self) -> None:
        if self.state != RUNNING:
            return None
        head = self.head
        if head is None:
            return self._fail("the application ended without calling start_response")
        if not self.is_head and not head.is_bodyless and head.content_length is not None:
            missing_bytes = head.content_length - self.accepted_bytes
            if missing_bytes > 0:
                return self._fail(f"the answer ended {missing_bytes} bytes short of its Content-Length")
        return self._send(b"", True)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, ClientGone) and self.state != RUNNING:
            return
        if isinstance(error, ContentTooLong):
            return
        # What an application makes of a client that went is not worth a traceback.
        if self.state == GONE:
            self._log(f"the application raised {type(error).__name__} after its client had gone", level="debug")
        else:
            self._fail("the application raised", stack_of(error))

    def _fail(self, what: str, stack: Optional[str] = None) -> None:
        """The traceback is for the log; the client learns nothing of it."""
        self._log(what, stack)
        link = self.link
        with link.lock:
            if self.state != RUNNING:
                return
            if self.is_head_sent:
                link.out.append(frame(ABORT, self.id, b"the application failed"))
                self._complete()
            else:
                self.head = ERROR_HEAD
                fits = not self.is_head and len(ERROR_TEXT) <= self.window
                self._emit(ERROR_TEXT if fits else b"", True)

    def _close(self, result: Any) -> None:
        """PEP 3333: exactly once, however it ended."""
        try:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        except BaseException as error:  # noqa: BLE001
            self._log("closing the answer failed", stack_of(error))

    def _log(self, what: str, stack: Optional[str] = None, level: str = "error") -> None:
        log = self.link.log
        (log.debug if level == "debug" else log.error)(f"{self.errors.subject}: {what}", stack)

    # Called under the lock by whoever reads the link, and by wsgi.input.

    def content_consumed(self, size: int) -> None:
        """Grants in halves of a window, so that a grant costs little; the rest never stops the edge."""
        consumed = min(self.consumed_bytes + size, self.content_window_bytes - self.may_come_bytes)
        if consumed * 2 < self.content_window_bytes:
            self.consumed_bytes = consumed
            return
        self.consumed_bytes = 0
        if self.state != RUNNING:
            return
        self.may_come_bytes += consumed
        self.link.out.append(frame(CREDIT, self.id, U32.pack(consumed)))
        self.link.flush()

    def receive_content(self, content: memoryview) -> bool:
        """False: more than was granted."""
        if self.input is None:
            return False
        self.may_come_bytes -= len(content)
        if self.may_come_bytes < 0:
            return False
        self.input.receive(content)
        return True

    def receive_content_end(self) -> None:
        if self.input is not None:
            self.input.receive_end()

    def receive_credit(self, size: int) -> bool:
        """False: more than was ever sent."""
        if size == 0 or self.window + size > self.window_bytes:
            return False
        self.window += size
        return True


def _piece_count(result: Any) -> int:
    """-1: it cannot say."""
    try:
        return len(result)
    except Exception:  # noqa: BLE001
        return -1
