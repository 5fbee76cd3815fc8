"""`wsgi.errors`."""

from __future__ import annotations

from typing import Iterable, Optional

from .error_log import MAX_TEXT_LENGTH, ErrorLog


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
