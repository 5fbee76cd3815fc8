"""What holds for the whole process: its title, its end, its signals and its user."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from types import FrameType
from typing import Any, Optional

EXIT_BROKEN = 1
EXIT_BOOT_FAILED = 3
EXIT_APP_FAILED = 4


# Signals that reach the whole process group from a terminal or a service manager. The master alone acts on them.
COORDINATED_BY_MASTER = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN", "SIGTTOU")

_title = ""


class BootError(Exception):
    """The operator's fault, in one sentence: this process cannot serve as it is set up."""


def entitle(title: str) -> None:
    global _title
    _title = title


def show_phase(phase: str) -> None:
    """What `ps` says; without the module it says how the master started us."""
    setproctitle = sys.modules.get("setproctitle")
    if setproctitle is not None and _title:
        setproctitle.setproctitle(f"{_title} {phase}")


def end_process(status: int) -> None:
    """
    At once, from any thread and however deep in a call of the application. What registered with atexit is called; threads of
    the application are not waited for, because the master would have to kill us.
    """
    try:
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001
        pass
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001
            pass
    os._exit(status)


def leave_signals_to_master() -> None:
    """
    Handlers that do nothing, where ignoring would be inherited by what the application starts. Applied again after the
    application is loaded: what its modules install would end requests that run.
    """
    for name in COORDINATED_BY_MASTER:
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, _do_nothing)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _do_nothing(_number: int, _frame: Optional[FrameType]) -> None:
    pass


def take_identity(identity: dict[str, Any]) -> None:
    """As src/process/identity.ts: groups while root may still set them, the user last, and root must not come back."""
    uid, gid = identity["uid"], identity["gid"]
    if os.geteuid() == 0:
        if identity["initGroups"] and identity["name"] is not None:
            os.initgroups(identity["name"], gid)
        else:
            os.setgroups([gid])
    if os.getegid() != gid:
        os.setgid(gid)
    if os.geteuid() != uid:
        os.setuid(uid)
    if os.geteuid() != uid or os.getegid() != gid:
        raise PermissionError(f"this process is {os.geteuid()}:{os.getegid()} still")
    if uid != 0:
        try:
            os.setuid(0)
        except OSError:
            return
        raise PermissionError("root can be had back")
