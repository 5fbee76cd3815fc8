"""How an application is found."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from typing import Any, Optional

from .response_head import Application
from .tracebacks import stack_of_import
from .value_in_words import kind_of

MAX_LISTED_NAMES = 20


class AppLoadError(Exception):
    """The operator's fault: one paragraph, and the application's own traceback where it is the one that raised."""


def load_app(module_name: str, expression: str) -> Application:
    """Raises AppLoadError alone."""
    # Before the import, which may take long: what cannot be read needs none.
    names, arguments = parse_callable(expression)
    found: Any = import_module(module_name)
    where = f'module "{module_name}"'
    for name in names:
        if not hasattr(found, name):
            raise AppLoadError(f'{where} has no "{name}". {_names_in(found)}')
        found = getattr(found, name)
        where = f'"{name}" of {where}'
    if arguments is not None:
        if not callable(found):
            raise AppLoadError(f"{where} is {kind_of(found)}, which cannot be called.")
        try:
            found = found(*arguments[0], **arguments[1])
        except BaseException as error:  # noqa: BLE001
            raise AppLoadError(f"{expression} of {module_name} failed: {_what(error)}\n{stack_of_import(error)}") from None
        where = f"what {expression} of {module_name} returned"
    if not callable(found):
        raise AppLoadError(
            f"{where} is {kind_of(found)}, which cannot be called. An application is a callable app(environ, start_response)."
        )
    application: Application = found
    return application


def parse_callable(expression: str) -> tuple[list[str], Optional[tuple[list[Any], dict[str, Any]]]]:
    """`name`, `dotted.name` or `factory('literal', key=1)`, as Gunicorn has it: the names, and the arguments of a call."""
    refused = f"{json.dumps(expression)} is neither the name of an application nor the call of a factory with literals"
    try:
        node = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise AppLoadError(f"{refused}.") from None
    arguments: Optional[tuple[list[Any], dict[str, Any]]] = None
    if isinstance(node, ast.Call):
        if any(keyword.arg is None for keyword in node.keywords):
            raise AppLoadError(f"{refused}: ** is no literal.")
        try:
            positional = [ast.literal_eval(argument) for argument in node.args]
            named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise AppLoadError(f"{refused}: its arguments are not literals.") from None
        arguments = (positional, named)
        node = node.func
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise AppLoadError(f"{refused}.")
    return [node.id, *names], arguments


def import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing == name or name.startswith(f"{missing}."):
            raise AppLoadError(f'There is no module "{missing}". {_interpreter()}') from None
        message = f'module "{name}" imports "{missing}", which is not there. {_interpreter()}'
        raise AppLoadError(f"{message}\n{stack_of_import(error)}") from None
    except ImportError as error:
        message = f'module "{name}" cannot be imported: {_what(error)}. {_interpreter()}'
        raise AppLoadError(f"{message}\n{stack_of_import(error)}") from None
    except SystemExit as error:
        message = f'module "{name}" called sys.exit({error.code!r}) while it was imported.'
        raise AppLoadError(f"{message}\n{stack_of_import(error)}") from None
    except BaseException as error:  # noqa: BLE001
        message = f'module "{name}" failed while it was imported: {_what(error)}'
        raise AppLoadError(f"{message}\n{stack_of_import(error)}") from None


def _interpreter() -> str:
    """Most imports that fail do because another interpreter or another folder was meant."""
    is_virtual = sys.prefix != sys.base_prefix
    environment = f"in the virtual environment {sys.prefix}" if is_virtual else "in no virtual environment"
    folders = ", ".join(folder or "." for folder in sys.path)
    return f"Looked with {sys.executable} (Python {sys.version.split()[0]}), {environment}, in: {folders}"


def _what(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001
        return type(error).__name__


def _names_in(found: Any) -> str:
    names = [name for name in dir(found) if not name.startswith("_")]
    callables = [name for name in names if callable(getattr(found, name, None))]
    if not callables:
        return "It has nothing that can be called."
    more = f" and {len(callables) - MAX_LISTED_NAMES} more" if len(callables) > MAX_LISTED_NAMES else ""
    return f"It has {', '.join(callables[:MAX_LISTED_NAMES])}{more}."
