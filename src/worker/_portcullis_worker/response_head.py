"""The head of a response: the checks of src/worker/start-response.ts."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any, Callable, Iterable, Optional

from .value_in_words import kind_of, shown

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
