"""From the start of the process to its first request."""

from __future__ import annotations

import importlib
import json
import os
import sys
from functools import partial
from typing import Any, Callable, Optional

from .control import Control
from .error_log import ErrorLog
from .hub import patched_hub
from .lifeline import watch_lifeline
from .load_app import AppLoadError, load_app
from .loaded_files import LoadedFiles
from .process import (
    EXIT_APP_FAILED,
    EXIT_BOOT_FAILED,
    EXIT_BROKEN,
    BootError,
    end_process,
    entitle,
    leave_signals_to_master,
    show_phase,
    take_identity,
)
from .sync_worker import SyncWorker
from .thread_worker import ThreadWorker
from .tracebacks import stack_of
from .worker import Worker


def boot() -> None:
    # An application that reads its arguments should not find what the master says.
    orders = sys.argv[1:4]
    del sys.argv[1:]
    _private_directory, identity, title = [*orders, "", "", ""][:3]
    entitle(title)
    leave_signals_to_master()
    if identity:
        take_identity(json.loads(identity))
    watch_lifeline()
    # What an application prints belongs into the log when it is printed.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    control = Control()
    start: Optional[dict[str, Any]] = None
    rest: list[dict[str, Any]] = []
    while start is None:
        messages = control.receive()
        if messages is None:
            end_process(0)
            return
        for message in messages:
            if start is not None:
                rest.append(message)
            elif message["type"] == "start":
                start = message
            elif message["type"] == "stop":
                end_process(0)
            elif message["type"] == "ping":
                control.send(type="pong")
    run(control, start, rest)


def run(control: Control, start: dict[str, Any], rest: list[dict[str, Any]]) -> None:
    target = start["app"]
    files = LoadedFiles(control) if start["tellsFiles"] else None
    try:
        # The working directory, as for `python -m`: it takes the place that the folder of our script had.
        sys.path[:0] = [os.getcwd(), *(os.path.abspath(folder) for folder in start["python"]["pythonPath"])]
        try:
            importlib.import_module("setproctitle")
        except Exception:  # noqa: BLE001
            pass
        show_phase("booting")
        log = ErrorLog(start["logLevel"], start["errorLogFormat"])
        make_worker = class_named(start["python"]["workerClass"])
        app = load_app(target["module"], target["callable"])
        leave_signals_to_master()
    except BaseException as error:  # noqa: BLE001
        if files is not None:
            files.look_at_failure(error, target["module"])
        exit_status = EXIT_APP_FAILED if isinstance(error, AppLoadError) else EXIT_BOOT_FAILED
        is_explained = isinstance(error, (AppLoadError, BootError))
        control.send(type="failed", exitCode=exit_status, message=str(error) if is_explained else stack_of(error))
        end_process(exit_status)
        return
    worker = make_worker(control, start, log, app, f"{target['module']}:{target['callable']}")
    worker.watched_files = files
    show_phase("serving")
    control.send(type="started")
    try:
        worker.obey(rest)
        worker.serve()
    except BaseException as error:  # noqa: BLE001
        log.critical("this worker failed and ends", stack_of(error))
        end_process(EXIT_BROKEN)


def class_named(name: str) -> Callable[..., Worker]:
    """Before the application is imported: a class of greenlets changes what it will import."""
    if name == "gthread":
        return ThreadWorker
    if name == "sync":
        return SyncWorker
    # In this order: the module takes what it needs of the standard library before that is patched.
    from .green_worker import GreenWorker

    return partial(GreenWorker, patched_hub(name))
