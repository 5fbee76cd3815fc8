"""The error log: the lines of src/telemetry/error-log.ts."""

from __future__ import annotations

import json
import os
import re
import threading
import time

# Bound before a library of greenlets patches them: a line is short, and the log must work where the hub does not.
from os import write
from select import POLLOUT, poll
from typing import Any, Optional

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
        self._writable = poll()
        self._writable.register(2, POLLOUT)
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
                    unsent = unsent[write(2, unsent[:PIPE_PIECE_BYTES]) :]
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
