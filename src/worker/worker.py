"""One worker process for a Python application: the other end of docs/link.md, and PEP 3333 to the letter.

The master starts it as `PYTHON worker.py PRIVATE_DIRECTORY IDENTITY TITLE`, with the control channel at descriptor 3 and the
lifeline at descriptor 4 (src/process/child.ts and watchdog.ts say the same for JavaScript). Standard library only, Python 3.9
or newer, no build step, and one file: it is copied as it is, and imports nothing that an application could shadow.

From top to bottom: the error log, the frames of a link, what an application gets (environ, start_response, wsgi.input,
wsgi.errors), one request (Exchange), one link (Link), the process and its two classes (Worker, SyncWorker, ThreadWorker), how
an application is found, and the boot.
"""

from __future__ import annotations

import ast
import atexit
import importlib
import importlib.util
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections import deque
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Callable, Iterable, Iterator, Optional, Union

EXIT_BROKEN = 1
EXIT_BOOT_FAILED = 3
EXIT_APP_FAILED = 4

# ---------------------------------------------------------------------------------------------------------------------------
# The error log: the lines of src/telemetry/error-log.ts.
# ---------------------------------------------------------------------------------------------------------------------------

LEVELS = ("debug", "info", "warning", "error", "critical")
MAX_TEXT_LENGTH = 4096
MAX_STACK_LINES = 60
# A Python traceback says at its end what happened, and at its head only how it came there.
STACK_HEAD_LINES = 6
# A pipe that poll calls writable takes so much without blocking.
PIPE_PIECE_BYTES = 4096
LOG_PATIENCE_MS = 1000

_STEERS_TERMINALS = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_escape_text = re.compile(f"[{_STEERS_TERMINALS}\\\\]").sub
_escape_json = re.compile(f"[{_STEERS_TERMINALS}]").sub


class ErrorLog:
    """`text` becomes exactly one line; a stack follows on indented lines, or as a member in JSON."""

    def __init__(self, level: str = "info", form: str = "text") -> None:
        self._threshold = LEVELS.index(level)
        self._form = form
        self._lock = threading.Lock()
        self._writable = select.poll()
        self._writable.register(2, select.POLLOUT)
        self._dropped = 0

    def debug(self, text: str, stack: Optional[str] = None) -> None:
        self._log("debug", text, stack)

    def error(self, text: str, stack: Optional[str] = None) -> None:
        self._log("error", text, stack)

    def critical(self, text: str, stack: Optional[str] = None) -> None:
        self._log("critical", text, stack)

    def _log(self, level: str, text: str, stack: Optional[str]) -> None:
        if LEVELS.index(level) < self._threshold:
            return
        stack_lines = [] if stack is None else _limited_stack(stack)
        line = self._json_line if self._form == "json" else self._text_line
        self._write(line(level, text, stack_lines))

    def _text_line(self, level: str, text: str, stack: list[str]) -> str:
        now = time.strftime("%Y-%m-%d %H:%M:%S %z")
        head = f"[{now}] [{os.getpid()}] [{level.upper()}] {_escape_text(_escaped, _limited(text))}\n"
        return head + "".join(f"    {_escape_text(_escaped, line)}\n" for line in stack)

    def _json_line(self, level: str, text: str, stack: list[str]) -> str:
        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z"
        event: dict[str, Any] = {"time": stamp, "pid": os.getpid(), "level": level, "message": _limited(text)}
        if stack:
            event["stack"] = "\n".join(stack)
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        return _escape_json(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"

    def _write(self, lines: str) -> None:
        """A log whose reader has gone or sleeps costs lines, never the worker."""
        with self._lock:
            if self._dropped > 0:
                lines += f"    ({self._dropped} log lines before this one were dropped)\n"
            unsent = lines.encode("utf-8", "backslashreplace")
            try:
                while unsent:
                    if not self._writable.poll(0 if self._dropped > 0 else LOG_PATIENCE_MS):
                        self._dropped += 1
                        return
                    unsent = unsent[os.write(2, unsent[:PIPE_PIECE_BYTES]) :]
            except OSError:
                pass
            self._dropped = 0


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if match[0] == "\\":
        return "\\\\"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _limited(text: str) -> str:
    return f"{text[:MAX_TEXT_LENGTH]}..." if len(text) > MAX_TEXT_LENGTH else text


def _limited_stack(stack: str) -> list[str]:
    lines = stack.rstrip("\n").split("\n")
    if len(lines) > MAX_STACK_LINES:
        left_out = len(lines) - MAX_STACK_LINES
        tail = lines[STACK_HEAD_LINES + left_out :]
        lines = [*lines[:STACK_HEAD_LINES], f"... {left_out} lines left out ...", *tail]
    return [_limited(line) for line in lines]


def stack_of(error: BaseException) -> str:
    """The traceback without the frames of ours above it. Anything can be raised, also what has no string."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    except Exception:  # noqa: BLE001
        return f"{type(error).__name__} (it cannot be shown)"


def kind_of(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__!r}"


def shown(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(f"{value[:80]}..." if len(value) > 80 else value)
    return kind_of(value)


# ---------------------------------------------------------------------------------------------------------------------------
# The frames of a link: docs/link.md.
# ---------------------------------------------------------------------------------------------------------------------------

HELLO, WELCOME, REQUEST, RESPONSE, CONTENT, CREDIT, ABORT, DRAINING, FAULT, PACE = range(1, 11)
END = 1
LINK_VERSION = 1
FRAME_HEADER_BYTES = 12
MAX_PIECE_BYTES = 65536 - FRAME_HEADER_BYTES
# Frames that carry no message are small; more is a bug of the peer.
MAX_SMALL_PAYLOAD_BYTES = 256

_frame_header = struct.Struct("<IBBHI")
# Header and length of the head block.
_response_start = struct.Struct("<IBBHII")
_u32 = struct.Struct("<I")
_hello = struct.Struct("<HHI32s")
_welcome = struct.Struct("<HHIII")
_read_frame_header = _frame_header.unpack_from


def frame(kind: int, request_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return _frame_header.pack(len(payload), kind, flags, 0, request_id) + payload


def is_after(request_id: int, other: int) -> bool:
    """Whether `request_id` was given out after `other`: RFC 1982 section 3.2."""
    return 0 < (request_id - other) & 0xFFFFFFFF < 0x80000000


def header_fault(length: int, kind: int, flags: int, zero: int, max_payload_bytes: int) -> Optional[str]:
    if kind < HELLO or kind > PACE:
        return f"frame of unknown type {kind}"
    if zero != 0:
        return "reserved bytes are not zero"
    carries_message = kind in (REQUEST, RESPONSE, CONTENT)
    if flags > (END if carries_message else 0):
        return f"frame of type {kind} with flags {flags}"
    most_bytes = max_payload_bytes if carries_message else MAX_SMALL_PAYLOAD_BYTES
    return f"frame of {length} bytes, more than {most_bytes}" if length > most_bytes else None


# ---------------------------------------------------------------------------------------------------------------------------
# The head of a response: the checks of src/worker/start-response.ts.
# ---------------------------------------------------------------------------------------------------------------------------

Headers = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, Optional[TracebackType]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_is_status = re.compile(r"[2-5][0-9][0-9] [\t\x20-\x7e\x80-\xff]*").fullmatch
_is_token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
# RFC 9110 section 5.5 without its control characters, all of them: a recipient may see a line end in any.
_is_value = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
_is_length = re.compile(r"[0-9]{1,15}").fullmatch

# PEP 3333 section "Other HTTP Features": these belong to the connection, and that is not the application's.
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class ResponseHead:
    """A response's status and fields as the application gave them, checked."""

    __slots__ = ("encoded", "content_length", "is_bodyless")

    def __init__(self, encoded: bytes, content_length: Optional[int], is_bodyless: bool) -> None:
        # In latin1, each followed by NUL: the status, then name and value of each field.
        self.encoded = encoded
        # None where the application did not say.
        self.content_length = content_length
        # RFC 9110 section 6.4.1: this status has no content.
        self.is_bodyless = is_bodyless


# Most responses of an application have one of a few heads, and checking one costs more than all else about a small response.
MAX_KNOWN_HEADS = 512
MAX_KNOWN_HEAD_BYTES = 2048
_known_heads: dict[tuple[Any, ...], ResponseHead] = {}
# Names seen before, and whether they are Content-Length.
MAX_CHECKED_NAMES = 512
_checked_names: dict[str, bool] = {}


def response_head(status: object, headers: object, max_bytes: int) -> ResponseHead:
    """Raises TypeError or ValueError inside the application's call, so that the traceback shows the application's line."""
    try:
        key = (status, *headers)  # type: ignore[misc]
        head = _known_heads.get(key)
    except TypeError:
        return _checked_head(status, headers, max_bytes)
    if head is not None and type(headers) is list and len(head.encoded) <= max_bytes:
        return head
    head = _checked_head(status, headers, max_bytes)
    if len(head.encoded) <= MAX_KNOWN_HEAD_BYTES:
        if len(_known_heads) >= MAX_KNOWN_HEADS:
            _known_heads.clear()
        _known_heads[key] = head
    return head


def _checked_head(status: object, headers: object, max_bytes: int) -> ResponseHead:
    if not isinstance(status, str):
        raise TypeError(f"start_response: status must be a str, not {kind_of(status)}")
    if not _is_status(status):
        raise ValueError(f'start_response: status must be like "200 OK", from 200 to 599, not {shown(status)}')
    if not isinstance(headers, list):
        raise TypeError(f"start_response: headers must be a list of (name, value), not {kind_of(headers)}")
    strings = [status]
    content_length: Optional[int] = None
    for field in headers:
        if not isinstance(field, tuple) or len(field) != 2:
            raise TypeError(f"start_response: a header must be a tuple (name, value), not {shown(field)}")
        name, value = field
        is_length = _check_name(name)
        if not isinstance(value, str):
            raise TypeError(f"start_response: the value of {name} must be a str, not {kind_of(value)}")
        if not _is_value(value):
            raise ValueError(
                f"start_response: the value of {name} must be without control characters and "
                f"without any above U+00FF, not {shown(value)}"
            )
        if is_length:
            if content_length is not None:
                raise ValueError("start_response: two Content-Length headers")
            if not _is_length(value):
                raise ValueError(f"start_response: Content-Length {shown(value)} is no length")
            content_length = int(value)
        strings.append(name)
        strings.append(value)
    strings.append("")
    encoded = "\0".join(strings).encode("latin-1")
    if len(encoded) > max_bytes:
        raise ValueError(f"start_response: status and headers of {len(encoded)} bytes, at most {max_bytes}")
    return ResponseHead(encoded, content_length, status.startswith(("204", "304")))


def _check_name(name: object) -> bool:
    """Whether it is Content-Length."""
    if not isinstance(name, str):
        raise TypeError(f"start_response: a header name must be a str, not {kind_of(name)}")
    known = _checked_names.get(name)
    if known is not None:
        return known
    if not _is_token(name):
        raise ValueError(f"start_response: {shown(name)} is no header name")
    lower_case = name.lower()
    if lower_case in HOP_BY_HOP:
        raise ValueError(f"start_response: {name} belongs to the connection, which the server keeps")
    is_length = lower_case == "content-length"
    if len(_checked_names) < MAX_CHECKED_NAMES:
        _checked_names[name] = is_length
    return is_length


# ---------------------------------------------------------------------------------------------------------------------------
# What an application finds in its environ.
# ---------------------------------------------------------------------------------------------------------------------------


class ClientGone(ConnectionError):
    """Raised in the application where it reads or writes: nobody waits for the response any more."""


class ContentTooLong(ValueError):
    """Raised by `write` behind the end that Content-Length announced."""


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


class ErrorStream:
    """`wsgi.errors`: lines into the error log, each with the request it is about. Takes any text and never raises for one."""

    __slots__ = ("_log", "_app_name", "_request_id", "_partial_line")

    def __init__(self, log: ErrorLog, app_name: str, request_id: Optional[str]) -> None:
        self._log = log
        self._app_name = app_name
        self._request_id = request_id
        self._partial_line = ""

    @property
    def subject(self) -> str:
        """The application and the request, for log lines."""
        return f"{self._app_name}: request {self._request_id}"

    def write(self, text: str) -> int:
        if isinstance(text, (bytes, bytearray, memoryview)):
            text = bytes(text).decode("utf-8", "backslashreplace")
        elif not isinstance(text, str):
            text = str(text)
        *lines, partial_line = (self._partial_line + text).split("\n")
        for line in lines:
            self._write_line(line)
        while len(partial_line) > MAX_TEXT_LENGTH:
            self._write_line(partial_line[:MAX_TEXT_LENGTH])
            partial_line = partial_line[MAX_TEXT_LENGTH:]
        self._partial_line = partial_line
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Also at the end of the request: a line without its end is written too."""
        if self._partial_line:
            line = self._partial_line
            self._partial_line = ""
            self._write_line(line)

    def isatty(self) -> bool:
        return False

    def _write_line(self, line: str) -> None:
        for start in range(0, max(1, len(line)), MAX_TEXT_LENGTH):
            self._log.error(f"{self.subject}: {line[start : start + MAX_TEXT_LENGTH]}")


class FileWrapper:
    """`wsgi.file_wrapper`: a file in pieces."""

    def __init__(self, filelike: Any, block_size: int = 65536) -> None:
        self._read = filelike.read
        self._block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self._read(self._block_size)
        if not piece:
            raise StopIteration
        return piece


EMPTY_CONTENT = EmptyContent()

# ---------------------------------------------------------------------------------------------------------------------------
# One request.
# ---------------------------------------------------------------------------------------------------------------------------

# `COMPLETE`: the last frame has been sent, while the application may still run. `GONE`: so that nobody waits for it.
RUNNING, COMPLETE, GONE = range(3)

ERROR_TEXT = b"Internal Server Error\n"
ERROR_HEAD = ResponseHead(b"500 Internal Server Error\0Content-Type\0text/plain; charset=utf-8\0", None, False)
# So much of each response goes however full the link is: a short one does not wait behind long ones.
PROMPT_BYTES = 16 * 1024
# With more than this under way content of responses waits where it is made: many windows together are no bound.
ROOM_BYTES = 1024 * 1024


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
                start = _response_start.pack(4 + head_bytes + size, RESPONSE, END, 0, self.id, head_bytes)
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
            link.out += (_frame_header.pack(size, CONTENT, flags, 0, self.id), content)
        else:
            assert self.head is not None
            head = self.head.encoded
            link.out += (_response_start.pack(4 + len(head) + size, RESPONSE, flags, 0, self.id, len(head)), head, content)
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
        self.link.out.append(frame(CREDIT, self.id, _u32.pack(consumed)))
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


# ---------------------------------------------------------------------------------------------------------------------------
# One link.
# ---------------------------------------------------------------------------------------------------------------------------

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
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
            self._socket.sendall(frame(HELLO, 0, _hello.pack(LINK_VERSION, 0, os.getpid(), bytes.fromhex(token))))
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
                os.pwrite(self._started, _u32.pack(exchange.id), 0)
                return True
            except OSError as error:
                fault = f"cannot mark requests as begun: {error}"
        # Without the mark the edge could run it a second time elsewhere: better here not at all.
        self.fail(fault)
        return False

    def tell_pace(self, seconds: float) -> None:
        """With what leaves next: how long a request took the application. The lock is held."""
        microseconds = min(max(int(seconds * 1_000_000), 0), 0xFFFFFFFF)
        self.out.append(frame(PACE, 0, _u32.pack(microseconds)))

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
        if events & select.POLLOUT:
            with self.lock:
                self.flush()
                self.changed.notify_all()
        if events & ~select.POLLOUT:
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
            length, kind, flags, zero, request_id = _read_frame_header(data, at)
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
            if not exchange.receive_credit(_u32.unpack(payload)[0]):
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
        if len(payload) != _welcome.size:
            return f"welcome of {len(payload)} bytes"
        version, zero, content_window_bytes, response_window_bytes, max_payload_bytes = _welcome.unpack(payload)
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


# ---------------------------------------------------------------------------------------------------------------------------
# The process: its control channel, its links, and how requests are run.
# ---------------------------------------------------------------------------------------------------------------------------

CONTROL_DESCRIPTOR = 3
LIFELINE_DESCRIPTOR = 4
MAX_CONTROL_LINE_BYTES = 16 * 1024 * 1024
# After a fault, requests that run may finish for so long.
CRASH_S = 5.0


class Control:
    """The control channel: one JSON object a line, both ways."""

    def __init__(self) -> None:
        os.set_inheritable(CONTROL_DESCRIPTOR, False)
        self._socket = socket.socket(fileno=CONTROL_DESCRIPTOR)
        self._socket.setblocking(True)
        self._partial_line = b""
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """A master that is gone hears nothing; the lifeline ends us."""
        with self._lock:
            try:
                self._socket.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                pass

    def receive(self) -> Optional[list[dict[str, Any]]]:
        """What has come, waiting for it; None is the end. Raises ValueError for what is no message."""
        try:
            data = self._socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return None
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        if len(self._partial_line) > MAX_CONTROL_LINE_BYTES:
            raise ValueError("control message without an end")
        return [json.loads(line) for line in lines]

    def close_in_child(self) -> None:
        self._socket.close()


class Worker:
    """What both classes do: one thread, the main one, polls the control channel and all links."""

    def __init__(self, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str) -> None:
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
            "wsgi.multithread": settings["workerClass"] == "gthread",
            "wsgi.multiprocess": settings["multiprocess"],
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
            "portcullis.tls": None,
        }
        self._control = control
        # Requests that may begin until the master hears of it; it starts another worker, and drains this one.
        self._left = start["maxRequests"]
        self._is_draining = False
        self._exit_status = 0
        self._crash_deadline: Optional[float] = None
        self._poll = select.poll()
        self._poll.register(CONTROL_DESCRIPTOR, select.POLLIN)
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
                        self._poll.modify(link, select.POLLIN)
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

    def _end_if_drained(self) -> None:
        if self._is_draining and not self.links:
            end_process(self._exit_status)

    def _count(self) -> None:
        """A request begins."""
        self._left -= 1
        if self._left == 0:
            self._control.send(type="max-requests")

    def _watch_room(self, link: Link) -> None:
        if link.fileno() in self.links:
            self._poll.modify(link, select.POLLIN | select.POLLOUT)

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
        self._poll.register(link, select.POLLIN)

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


# Applications are called without a pause for at most this long; then what they answered goes out.
MAX_SLICE_S = 0.001
# So many calls after one that took longer than a slice are made one at a time: the next may take long as well.
CAUTIOUS_CALLS = 64
# A client that goes is noticed so soon while the application makes pieces.
PIECE_TURN_S = 0.01


class SyncWorker(Worker):
    """One request at a time, in the main thread. Where a request waits for its client, that thread reads the links."""

    _cautious_calls = 0
    _last_turn = 0.0

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


class ThreadWorker(Worker):
    """
    `threads` requests at a time, each in a thread of its own. The main thread reads and never runs an application, so it
    answers the master even where all threads are busy.
    """

    def __init__(self, control: Control, start: dict[str, Any], log: ErrorLog, app: Application, app_name: str) -> None:
        super().__init__(control, start, log, app, app_name)
        self._thread_count = start["python"]["threads"]
        # One ticket for each request in `_ready`. A request is taken and marked as begun under one lock: in the order of ids.
        self._tickets: SimpleQueue[None] = SimpleQueue()
        self._ready: deque[Exchange] = deque()
        self._begin_lock = threading.Lock()
        self._running = 0
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
            # Requests that lost their client with the link still close what they have open.
            if self._running == 0:
                self._end_if_drained()

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
        try:
            while True:
                self._tickets.get()
                with self._begin_lock:
                    exchange = self._ready.popleft()
                    if not exchange.link.begin(exchange):
                        continue
                    self._running += 1
                    self._count()
                since = time.monotonic()
                exchange.run(self.app)
                took = time.monotonic() - since
                link = exchange.link
                with link.lock:
                    if link.state != "closed":
                        link.tell_pace(took)
                    link.flush()
                with self._begin_lock:
                    self._running -= 1
                if self._is_draining or self.watched_files is not None:
                    self._wake()
        except BaseException as error:  # noqa: BLE001
            self.log.critical("a worker thread failed; this worker ends", stack_of(error))
            end_process(EXIT_BROKEN)


# ---------------------------------------------------------------------------------------------------------------------------
# The application, and the files that it consists of.
# ---------------------------------------------------------------------------------------------------------------------------

MAX_LISTED_NAMES = 20


class AppLoadError(Exception):
    """The operator's fault: one paragraph, and the application's own traceback where it is the one that raised."""


def load_app(module_name: str, expression: str) -> Application:
    """Raises AppLoadError alone."""
    # Before the import, which may take long: what cannot be read needs none.
    names, arguments = parse_callable(expression)
    found: Any = import_module(module_name)
    where = f'module "{module_name}"'
    for name in names:
        if not hasattr(found, name):
            raise AppLoadError(f'{where} has no "{name}". {_names_in(found)}')
        found = getattr(found, name)
        where = f'"{name}" of {where}'
    if arguments is not None:
        if not callable(found):
            raise AppLoadError(f"{where} is {kind_of(found)}, which cannot be called.")
        try:
            found = found(*arguments[0], **arguments[1])
        except BaseException as error:  # noqa: BLE001
            raise AppLoadError(f"{expression} of {module_name} failed: {_what(error)}\n{_apps_stack(error)}") from None
        where = f"what {expression} of {module_name} returned"
    if not callable(found):
        raise AppLoadError(
            f"{where} is {kind_of(found)}, which cannot be called. An application is a callable app(environ, start_response)."
        )
    application: Application = found
    return application


def parse_callable(expression: str) -> tuple[list[str], Optional[tuple[list[Any], dict[str, Any]]]]:
    """`name`, `dotted.name` or `factory('literal', key=1)`, as Gunicorn has it: the names, and the arguments of a call."""
    refused = f"{json.dumps(expression)} is neither the name of an application nor the call of a factory with literals"
    try:
        node = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise AppLoadError(f"{refused}.") from None
    arguments: Optional[tuple[list[Any], dict[str, Any]]] = None
    if isinstance(node, ast.Call):
        if any(keyword.arg is None for keyword in node.keywords):
            raise AppLoadError(f"{refused}: ** is no literal.")
        try:
            positional = [ast.literal_eval(argument) for argument in node.args]
            named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise AppLoadError(f"{refused}: its arguments are not literals.") from None
        arguments = (positional, named)
        node = node.func
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise AppLoadError(f"{refused}.")
    return [node.id, *names], arguments


def import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == name or name.startswith(f"{missing}."):
            raise AppLoadError(f'There is no module "{missing}". {_interpreter()}') from None
        message = f'module "{name}" imports "{missing}", which is not there. {_interpreter()}'
        raise AppLoadError(f"{message}\n{_apps_stack(error)}") from None
    except ImportError as error:
        message = f'module "{name}" cannot be imported: {_what(error)}. {_interpreter()}'
        raise AppLoadError(f"{message}\n{_apps_stack(error)}") from None
    except SystemExit as error:
        message = f'module "{name}" called sys.exit({error.code!r}) while it was imported.'
        raise AppLoadError(f"{message}\n{_apps_stack(error)}") from None
    except BaseException as error:  # noqa: BLE001
        message = f'module "{name}" failed while it was imported: {_what(error)}'
        raise AppLoadError(f"{message}\n{_apps_stack(error)}") from None


def _interpreter() -> str:
    """Most imports that fail do because another interpreter or another folder was meant."""
    is_virtual = sys.prefix != sys.base_prefix
    environment = f"in the virtual environment {sys.prefix}" if is_virtual else "in no virtual environment"
    folders = ", ".join(folder or "." for folder in sys.path)
    return f"Looked with {sys.executable} (Python {sys.version.split()[0]}), {environment}, in: {folders}"


def _apps_stack(error: BaseException) -> str:
    """What the application did, and nothing of how we or the import system came to it."""
    kept = [
        entry
        for entry in traceback.extract_tb(error.__traceback__)
        if entry.filename != __file__ and not entry.filename.startswith("<frozen importlib") and entry.filename != importlib.__file__
    ]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(kept)] if kept else []
    return "".join([*lines, *traceback.format_exception_only(type(error), error)]).rstrip("\n")


def _what(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001
        return type(error).__name__


def _names_in(found: Any) -> str:
    names = [name for name in dir(found) if not name.startswith("_")]
    callables = [name for name in names if callable(getattr(found, name, None))]
    if not callables:
        return "It has nothing that can be called."
    more = f" and {len(callables) - MAX_LISTED_NAMES} more" if len(callables) > MAX_LISTED_NAMES else ""
    return f"It has {', '.join(callables[:MAX_LISTED_NAMES])}{more}."


class LoadedFiles:
    """Tells the master which files the application consists of, each once, without what is installed."""

    _installed = ("site-packages", "dist-packages")

    def __init__(self, control: Control) -> None:
        self._control = control
        self._told: set[str] = {os.path.abspath(__file__)}
        self._known_modules = 0
        self._library = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

    def look(self) -> None:
        if len(sys.modules) == self._known_modules:
            return
        self._known_modules = len(sys.modules)
        self._tell(getattr(module, "__file__", None) for module in list(sys.modules.values()))

    def look_at_failure(self, error: BaseException, module_name: str) -> None:
        """A module whose import failed is not in `sys.modules` any more, and the next edit will be in it."""
        files: list[Any] = []
        cause: Optional[BaseException] = error
        while cause is not None:
            files += [entry.filename for entry in traceback.extract_tb(cause.__traceback__)]
            files.append(getattr(cause, "filename", None))
            cause = cause.__cause__ or cause.__context__
        try:
            spec = importlib.util.find_spec(module_name)
            files.append(spec.origin if spec is not None else None)
        except Exception:  # noqa: BLE001
            pass
        self._tell(files)
        self.look()

    def _tell(self, files: Iterable[Any]) -> None:
        found = []
        for file in files:
            path = os.path.abspath(file) if isinstance(file, str) and not file.startswith("<") else None
            if path is None or path in self._told:
                continue
            self._told.add(path)
            if any(f"{os.sep}{folder}{os.sep}" in path for folder in self._installed) or path.startswith(self._library):
                continue
            if os.path.isfile(path):
                found.append(path)
        if found:
            self._control.send(type="loaded-files", files=found)


# ---------------------------------------------------------------------------------------------------------------------------
# The boot.
# ---------------------------------------------------------------------------------------------------------------------------

# Signals that reach the whole process group from a terminal or a service manager. The master alone acts on them.
COORDINATED_BY_MASTER = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN", "SIGTTOU")
STACK_QUESTION = b"?"
STACK_ANSWER_END = b"\0"
MAX_FRAMES = 50
# Less than the master takes.
MAX_ANSWER_BYTES = 60_000

title = ""


def show_phase(phase: str) -> None:
    """What `ps` says; without the module it says how the master started us."""
    setproctitle = sys.modules.get("setproctitle")
    if setproctitle is not None and title:
        setproctitle.setproctitle(f"{title} {phase}")


def end_process(status: int) -> None:
    """
    At once, from any thread and however deep in a call of the application. What registered with atexit is called; threads of
    the application are not waited for, because the master would have to kill us.
    """
    try:
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001
        pass
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001
            pass
    os._exit(status)


def leave_signals_to_master() -> None:
    """
    Handlers that do nothing, where ignoring would be inherited by what the application starts. Applied again after the
    application is loaded: what its modules install would end requests that run.
    """
    for name in COORDINATED_BY_MASTER:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _do_nothing)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _do_nothing(_number: int, _frame: Optional[FrameType]) -> None:
    pass


def take_identity(identity: dict[str, Any]) -> None:
    """As src/process/identity.ts: groups while root may still set them, the user last, and root must not come back."""
    uid, gid = identity["uid"], identity["gid"]
    if os.geteuid() == 0:
        if identity["initGroups"] and identity["name"] is not None:
            os.initgroups(identity["name"], gid)
        else:
            os.setgroups([gid])
    if os.getegid() != gid:
        os.setgid(gid)
    if os.geteuid() != uid:
        os.setuid(uid)
    if os.geteuid() != uid or os.getegid() != gid:
        raise PermissionError(f"this process is {os.geteuid()}:{os.getegid()} still")
    if uid != 0:
        try:
            os.setuid(0)
        except OSError:
            return
        raise PermissionError("root can be had back")


def watch_lifeline() -> None:
    """
    A thread of its own waits for the end of the lifeline, which is the end of the master, however it went: the main thread may
    be spinning in the application. The one thing that the master writes to it is the question where we are.
    """
    os.set_inheritable(LIFELINE_DESCRIPTOR, False)
    os.set_blocking(LIFELINE_DESCRIPTOR, True)

    def wait() -> None:
        try:
            while True:
                question = os.read(LIFELINE_DESCRIPTOR, 64)
                if not question:
                    break
                if STACK_QUESTION in question:
                    os.write(LIFELINE_DESCRIPTOR, stacks() + STACK_ANSWER_END)
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def stacks() -> bytes:
    """Where all threads are, the main one first, the innermost call first."""
    frames = sys._current_frames()
    threads = sorted(threading.enumerate(), key=lambda thread: thread is not threading.main_thread())
    parts = []
    for thread in threads:
        top = frames.get(thread.ident or 0)
        if top is None or thread is threading.current_thread():
            continue
        parts.append(f"thread {thread.name}:")
        at: Optional[FrameType] = top
        for _ in range(MAX_FRAMES):
            if at is None:
                break
            parts.append(f"at {at.f_code.co_name} ({at.f_code.co_filename}:{at.f_lineno})")
            at = at.f_back
    return "\n".join(parts).encode("utf-8", "backslashreplace").replace(b"\0", b"")[:MAX_ANSWER_BYTES]


def find_imports_where_the_operator_meant(python_path: list[str]) -> None:
    """The working directory takes the place of this script's folder, which is none of the application's."""
    ours = os.path.dirname(os.path.abspath(__file__))
    if sys.path and sys.path[0] and os.path.abspath(sys.path[0]) == ours:
        del sys.path[0]
    sys.path[:0] = [os.getcwd(), *(os.path.abspath(folder) for folder in python_path)]


def boot() -> None:
    global title
    # An application that reads its arguments should not find what the master says.
    orders = sys.argv[1:4]
    del sys.argv[1:]
    _private_directory, identity, title = [*orders, "", "", ""][:3]
    leave_signals_to_master()
    if identity:
        take_identity(json.loads(identity))
    watch_lifeline()
    # What an application prints belongs into the log when it is printed.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    control = Control()
    start: Optional[dict[str, Any]] = None
    rest: list[dict[str, Any]] = []
    while start is None:
        messages = control.receive()
        if messages is None:
            end_process(0)
            return
        for message in messages:
            if start is not None:
                rest.append(message)
            elif message["type"] == "start":
                start = message
            elif message["type"] == "stop":
                end_process(0)
            elif message["type"] == "ping":
                control.send(type="pong")
    run(control, start, rest)


def run(control: Control, start: dict[str, Any], rest: list[dict[str, Any]]) -> None:
    target = start["app"]
    files = LoadedFiles(control) if start["tellsFiles"] else None
    try:
        find_imports_where_the_operator_meant(start["python"]["pythonPath"])
        try:
            importlib.import_module("setproctitle")
        except Exception:  # noqa: BLE001
            pass
        show_phase("booting")
        log = ErrorLog(start["logLevel"], start["errorLogFormat"])
        app = load_app(target["module"], target["callable"])
        leave_signals_to_master()
    except BaseException as error:  # noqa: BLE001
        if files is not None:
            files.look_at_failure(error, target["module"])
        is_the_apps = isinstance(error, AppLoadError)
        exit_status = EXIT_APP_FAILED if is_the_apps else EXIT_BOOT_FAILED
        control.send(type="failed", exitCode=exit_status, message=str(error) if is_the_apps else stack_of(error))
        end_process(exit_status)
        return
    kind = ThreadWorker if start["python"]["workerClass"] == "gthread" else SyncWorker
    worker = kind(control, start, log, app, f"{target['module']}:{target['callable']}")
    worker.watched_files = files
    show_phase("serving")
    control.send(type="started")
    try:
        worker.obey(rest)
        worker.serve()
    except BaseException as error:  # noqa: BLE001
        log.critical("this worker failed and ends", stack_of(error))
        end_process(EXIT_BROKEN)


if __name__ == "__main__":
    boot()
