"""The control channel to the master: src/process/control-messages.ts."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any, Optional

CONTROL_DESCRIPTOR = 3
MAX_CONTROL_LINE_BYTES = 16 * 1024 * 1024


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
