"""The lifeline, and the question that comes on it: src/process/watchdog.ts."""

from __future__ import annotations

import os
import signal
import sys
import threading

# Bound before a library of greenlets patches them: this has to be a thread of the system, whatever the application is.
from _thread import get_ident, start_new_thread
from os import kill, read, write
from types import FrameType
from typing import Callable, Iterable, Iterator, Optional

LIFELINE_DESCRIPTOR = 4
STACK_QUESTION = b"?"
STACK_ANSWER_END = b"\0"
MAX_FRAMES = 50
# Less than the master takes.
MAX_ANSWER_BYTES = 60_000

_main_ident = get_ident()


def _no_greenlets() -> Iterable[tuple[str, FrameType]]:
    return ()


_other_frames: Callable[[], Iterable[tuple[str, FrameType]]] = _no_greenlets


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
                question = read(LIFELINE_DESCRIPTOR, 64)
                if not question:
                    break
                if STACK_QUESTION in question:
                    write(LIFELINE_DESCRIPTOR, stacks() + STACK_ANSWER_END)
        except OSError:
            pass
        kill(os.getpid(), signal.SIGKILL)

    start_new_thread(wait, ())


def watch_greenlets(frames: Callable[[], Iterable[tuple[str, FrameType]]]) -> None:
    """`stacks` asks it for what waits beside the threads."""
    global _other_frames
    _other_frames = frames


def stacks() -> bytes:
    """Where all threads are, the main one first, the innermost call first; then the greenlets that wait."""
    parts = []
    for name, top in [*_thread_frames(), *_other_frames()]:
        parts.append(f"{name}:")
        at: Optional[FrameType] = top
        for _ in range(MAX_FRAMES):
            if at is None:
                break
            parts.append(f"at {at.f_code.co_name} ({at.f_code.co_filename}:{at.f_lineno})")
            at = at.f_back
    return "\n".join(parts).encode("utf-8", "backslashreplace").replace(b"\0", b"")[:MAX_ANSWER_BYTES]


def _thread_frames() -> Iterator[tuple[str, FrameType]]:
    # Not threading.enumerate(): it waits for a lock, which the thread that hangs may have.
    names = {thread.ident: thread.name for thread in list(threading._active.values())}  # type: ignore[attr-defined]
    frames = sys._current_frames()
    frames.pop(get_ident(), None)
    for ident in sorted(frames, key=lambda ident: ident != _main_ident):
        name = "MainThread" if ident == _main_ident else names.get(ident, str(ident))
        yield f"thread {name}", frames[ident]
