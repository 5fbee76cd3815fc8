"""One worker process for a Python application: the other end of docs/link.md, and PEP 3333 to the letter.

The master starts it as `PYTHON worker.py PRIVATE_DIRECTORY IDENTITY TITLE`, with the control channel at descriptor 3 and the
lifeline at descriptor 4 (src/process/child.ts and watchdog.ts say the same for JavaScript). Standard library only, Python 3.9
or newer, no build step. What it does is in the package beside it; `_portcullis_worker/exchange.py` is the file to read first.
"""

import os
import sys
from typing import Callable

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _import_boot() -> Callable[[], None]:
    """With this folder ahead of all others for as long as that takes: nothing of ours may hide a module of the application."""
    # Python has put it there, except where it was told not to (PYTHONSAFEPATH).
    if sys.path and sys.path[0] == _FOLDER:
        del sys.path[0]
    sys.path.insert(0, _FOLDER)
    try:
        from _portcullis_worker.boot import boot
    finally:
        del sys.path[0]
    return boot


if __name__ == "__main__":
    _import_boot()()
