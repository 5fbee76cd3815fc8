"""What a worker of greenlets needs of the library that runs them."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any, Callable, Optional, Protocol

from .process import BootError


class Hub(Protocol):
    def spawn(self, function: Callable[..., None]) -> None:
        """Runs it in a greenlet of its own, not before the caller waits."""

    def soon(self, function: Callable[[], None]) -> None:
        """Calls it, which must not wait, once what has been spawned by now has had its turn."""

    def wait_readable(self, descriptor: int, seconds: Optional[float]) -> None:
        """Lets others run until the descriptor has something to read, and for at most so long."""

    def pause(self) -> None:
        """Lets others run, and sees what has come for them."""


class _GeventHub:
    def __init__(self, gevent: Any) -> None:
        self._gevent = gevent
        self._hub = gevent.get_hub()
        self._watchers: dict[int, Any] = {}
        self.spawn = gevent.spawn_raw
        self.soon = self._hub.loop.run_callback

    def wait_readable(self, descriptor: int, seconds: Optional[float]) -> None:
        watcher = self._watchers.get(descriptor)
        if watcher is None:
            watcher = self._watchers[descriptor] = self._hub.loop.io(descriptor, 1)
        if seconds is None:
            self._hub.wait(watcher)
        else:
            with self._gevent.Timeout(seconds, False):
                self._hub.wait(watcher)

    def pause(self) -> None:
        self._gevent.sleep(0)


class _EventletHub:
    def __init__(self, eventlet: Any) -> None:
        self._eventlet = eventlet
        self._hubs = import_module("eventlet.hubs")
        self._trampoline = self._hubs.trampoline
        self.spawn = eventlet.spawn_n

    def soon(self, function: Callable[[], None]) -> None:
        self._hubs.get_hub().schedule_call_global(0, function)

    def wait_readable(self, descriptor: int, seconds: Optional[float]) -> None:
        try:
            self._trampoline(descriptor, read=True, timeout=seconds)
        except self._eventlet.Timeout:
            pass

    def pause(self) -> None:
        self._eventlet.sleep(0)


# As Gunicorn asks.
OLDEST = {"gevent": (1, 4), "eventlet": (0, 24, 1)}


def patched_hub(name: str) -> Hub:
    """Patches all of the standard library that waits, which has to be before the application is imported. Raises BootError."""
    refused = f"class uri '{name}' invalid or not found"
    try:
        library = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise BootError(f"{refused}: {name} does not start with {_interpreter()}: {error}") from None
        raise BootError(
            f"{refused}: {name} is not installed in {_interpreter()}: {sys.executable} -m pip install {name}"
        ) from None
    oldest = OLDEST[name]
    version = str(getattr(library, "__version__", "0"))
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < oldest:
        wanted = ".".join(map(str, oldest))
        raise BootError(f"{refused}: {name} {version} is installed in {_interpreter()}, and {wanted} or newer is needed")
    try:
        if name == "gevent":
            import_module("gevent.monkey").patch_all()
            return _GeventHub(library)
        library.monkey_patch()
        return _EventletHub(library)
    except Exception as error:  # noqa: BLE001
        message = f"{type(error).__name__}: {error}"
        raise BootError(f"{refused}: {name} {version} does not start with {_interpreter()}: {message}") from None


def _interpreter() -> str:
    return f"{sys.executable} (Python {sys.version.split()[0]})"
