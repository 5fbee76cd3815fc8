"""How far a request is."""

from __future__ import annotations

from typing import Final

# `COMPLETE`: the last frame has been sent, while the application may still run. `GONE`: so that nobody waits for it.
RUNNING: Final = 0
COMPLETE: Final = 1
GONE: Final = 2
