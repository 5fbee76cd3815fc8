"""Evaluates a config file of Gunicorn's and writes what it says, as one line of JSON, to descriptor 3.

Standard library only, Python 3.9 or newer. The arguments are "file" and a path, or "module" and a dotted name; then the
names of Gunicorn's settings as JSON. What the file prints cannot mix with the answer: that has a descriptor of its own.
"""

import ast
import importlib
import io
import json
import os
import sys
import traceback
import types

ANSWER = 3
TRACEBACK_LINES = 12


def main(kind, location, setting_names):
    # A process that the file starts must not hold the pipe open.
    os.set_inheritable(ANSWER, False)
    # As in Gunicorn, and not the folder of this script.
    sys.path[0] = os.getcwd()
    sys.argv = ["gunicorn"]
    try:
        namespace, source = evaluate(kind, location)
    except BaseException as error:  # sys.exit() in a config file is an error too
        return {"error": description(error)}
    return describe(namespace, lines_of_names(source), set(setting_names))


def evaluate(kind, location):
    if kind == "module":
        module = importlib.import_module(location)
        path = getattr(module, "__file__", None)
        return vars(module), read(path) if path and path.endswith(".py") else b""
    source = read(location)
    # Compiled from its text each time: a cached .pyc of the same second and size would hide an edit from a reload.
    code = compile(source, location, "exec")
    module = types.ModuleType("__config__")
    module.__file__ = location
    sys.modules["__config__"] = module
    exec(code, vars(module))
    return vars(module), source


def read(path):
    with io.open_code(os.path.abspath(path)) as file:
        return file.read()


def lines_of_names(source):
    """The line of each name's last assignment or definition at the top level, as far as that can be seen."""
    lines = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = max(node.lineno, lines.get(node.id, 0))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines[node.name] = max(node.lineno, lines.get(node.name, 0))
    return lines


def describe(namespace, lines, setting_names):
    settings, others = [], []
    for name, value in list(namespace.items()):
        if name in setting_names:
            if value is not None:
                settings.append({"name": name, "line": lines.get(name), **json_value(value)})
        elif is_plain(name, value):
            others.append(name)
    return {"settings": settings, "others": others}


def json_value(value):
    if not callable(value):
        try:
            json.dumps(value, allow_nan=False)
            return {"value": value}
        except (TypeError, ValueError, RecursionError):
            pass
    return {"unreadable": type(value).__name__}


def is_plain(name, value):
    """What looks as if it was meant as a setting: no module, function or class, and no private name or CONSTANT."""
    return name == name.lower() and name[0] != "_" and isinstance(value, (str, bytes, bool, int, float, list, tuple, dict))


def description(error):
    shown = traceback.TracebackException.from_exception(error)
    # Frames of this script and of the import machinery say nothing about the file.
    ours = (__file__, importlib.__file__)
    frames = [frame for frame in shown.stack if frame.filename not in ours and not frame.filename.startswith("<frozen")]
    shown.stack = traceback.StackSummary.from_list(frames)
    lines = "".join(shown.format()).rstrip().split("\n")
    return "\n".join(lines[-TRACEBACK_LINES:])


if __name__ == "__main__":
    answer = main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    sys.stdout.flush()
    data = json.dumps(answer).encode("ascii") + b"\n"
    while data:
        data = data[os.write(ANSWER, data):]
    # Threads that the file started would keep the process alive.
    os._exit(0)
