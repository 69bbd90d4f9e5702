"""The parameters of an estimator in its model file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return those that are text, numbers, or mappings of these, as JSON can hold them.

    Arrays, functions, random generators and launchers stay behind.
    """
    plain: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            pairs = [[_number(key), _number(weight)] for key, weight in value.items()]
            if all(_is_plain(item) for pair in pairs for item in pair):
                plain[name] = {"pairs": pairs}
        elif _is_plain(_number(value)):
            plain[name] = _number(value)
    return plain


def revived_parameters(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `plain_parameters` was given."""
    return {
        name: dict(value["pairs"]) if isinstance(value, Mapping) else value
        for name, value in plain.items()
    }


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)
