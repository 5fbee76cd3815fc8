"""The lifeline, and the question that comes on it: src/process/watchdog.ts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Optional

LIFELINE_DESCRIPTOR = 4
STACK_QUESTION = b"?"
STACK_ANSWER_END = b"\0"
MAX_FRAMES = 50
# Less than the master takes.
MAX_ANSWER_BYTES = 60_000


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
