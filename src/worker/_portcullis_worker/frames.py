"""The frames of a link: docs/link.md."""

from __future__ import annotations

import struct
from typing import Optional

HELLO, WELCOME, REQUEST, RESPONSE, CONTENT, CREDIT, ABORT, DRAINING, FAULT, PACE = range(1, 11)
END = 1
LINK_VERSION = 1
FRAME_HEADER_BYTES = 12
MAX_PIECE_BYTES = 65536 - FRAME_HEADER_BYTES
# Frames that carry no message are small; more is a bug of the peer.
MAX_SMALL_PAYLOAD_BYTES = 256

FRAME_HEADER = struct.Struct("<IBBHI")
# Header and length of the head block.
RESPONSE_START = struct.Struct("<IBBHII")
U32 = struct.Struct("<I")
HELLO_PAYLOAD = struct.Struct("<HHI32s")
WELCOME_PAYLOAD = struct.Struct("<HHIII")
read_frame_header = FRAME_HEADER.unpack_from


def frame(kind: int, request_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return FRAME_HEADER.pack(len(payload), kind, flags, 0, request_id) + payload


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
