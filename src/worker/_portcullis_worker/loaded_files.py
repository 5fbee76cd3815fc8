"""The files that an application consists of."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from typing import Any, Iterable, Optional

from .control import Control
from .tracebacks import is_ours


class LoadedFiles:
    """Tells the master which files the application consists of, each once, without what is installed."""

    _installed = ("site-packages", "dist-packages")

    def __init__(self, control: Control) -> None:
        self._control = control
        self._told: set[str] = set()
        self._known_modules = 0
        self._library = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

    def look(self) -> None:
        if len(sys.modules) == self._known_modules:
            return
        self._known_modules = len(sys.modules)
        self._tell(getattr(module, "__file__", None) for module in list(sys.modules.values()))

    def look_at_failure(self, error: BaseException, module_name: str) -> None:
        """A module whose import failed is not in `sys.modules` any more, and the next edit will be in it."""
        files: list[Any] = []
        cause: Optional[BaseException] = error
        while cause is not None:
            files += [entry.filename for entry in traceback.extract_tb(cause.__traceback__)]
            files.append(getattr(cause, "filename", None))
            cause = cause.__cause__ or cause.__context__
        try:
            spec = importlib.util.find_spec(module_name)
            files.append(spec.origin if spec is not None else None)
        except Exception:  # noqa: BLE001
            pass
        self._tell(files)
        self.look()

    def _tell(self, files: Iterable[Any]) -> None:
        found = []
        for file in files:
            path = os.path.abspath(file) if isinstance(file, str) and not file.startswith("<") else None
            if path is None or path in self._told or is_ours(path):
                continue
            self._told.add(path)
            if any(f"{os.sep}{folder}{os.sep}" in path for folder in self._installed) or path.startswith(self._library):
                continue
            if os.path.isfile(path):
                found.append(path)
        if found:
            self._control.send(type="loaded-files", files=found)
