"""What an application did, without what we or the import system did to get there."""

from __future__ import annotations

import importlib
import os
import traceback
from types import FrameType
from typing import Optional

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_ENTRY = os.path.join(os.path.dirname(_PACKAGE), "worker.py")


def is_ours(path: str) -> bool:
    """A file of this package, or the script that begins it."""
    return path.startswith(_PACKAGE + os.sep) or path == _ENTRY


def stack_of(error: BaseException) -> str:
    """The traceback without the frames of ours above it. Anything can be raised, also what has no string."""
    trace = error.__traceback__
    while trace is not None and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    except Exception:  # noqa: BLE001
        return f"{type(error).__name__} (it cannot be shown)"


def stack_of_import(error: BaseException) -> str:
    kept = [
        entry
        for entry in traceback.extract_tb(error.__traceback__)
        if not is_ours(entry.filename)
        and not entry.filename.startswith("<frozen importlib")
        and entry.filename != importlib.__file__
    ]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(kept)] if kept else []
    return "".join([*lines, *traceback.format_exception_only(type(error), error)]).rstrip("\n")


def stack_at(frame: Optional[FrameType]) -> Optional[str]:
    """Where the application is, without the calls of ours that are around it."""
    if frame is None:
        return None
    entries = traceback.extract_stack(frame)
    first = max((index for index, entry in enumerate(entries) if is_ours(entry.filename)), default=-1) + 1
    # One that waits for its client is in a call of ours.
    shown = entries[first:] or entries
    return "".join(["Stack (most recent call last):\n", *traceback.format_list(shown)]).rstrip("\n")
