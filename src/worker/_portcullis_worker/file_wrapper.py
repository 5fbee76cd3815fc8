"""`wsgi.file_wrapper`."""

from __future__ import annotations

from typing import Any, Iterator


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
