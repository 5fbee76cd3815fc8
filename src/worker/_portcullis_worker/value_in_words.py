"""Values of an application, in messages about its mistakes."""

from __future__ import annotations

import json


def kind_of(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__!r}"


def shown(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(f"{value[:80]}..." if len(value) > 80 else value)
    return kind_of(value)
