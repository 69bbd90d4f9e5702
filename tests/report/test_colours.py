"""The colours of the shares of time, as people see them."""

import re
from importlib import resources
from itertools import combinations

import numpy as np
import pytest

from burly.report.breakdown import SHARES

LEAST = 8.5
"""Of a hundredth of Oklab's lightness; neighbours at 3 are told apart only side by side."""
# Machado, Oliveira and Fernandes (2009), full severity; on linear light.
EYES = {
    "most": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def seen(colour: str, eye: str) -> np.ndarray:
    """Return a colour such as #1d428c as an eye sees it, in Oklab, times a hundred."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return 100 * TO_OKLAB @ np.cbrt(TO_CONES @ np.clip(EYES[eye] @ light, 0, 1))


def palettes() -> dict[str, dict[str, str]]:
    """Return the page's colours, by where they are used."""
    style = resources.files("burly.report").joinpath("page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    return dict(zip(("light", "dark", "print"), found, strict=True))


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("where", ["light", "dark", "print"])
def test_shares_of_time_differ_from_each_other_and_from_the_page(where: str, eye: str) -> None:
    colours = palettes()[where]
    lab = {name: seen(colours[name], eye) for name in (*SHARES, "page")}
    distances = {pair: np.linalg.norm(lab[pair[0]] - lab[pair[1]]) for pair in combinations(lab, 2)}
    assert min(distances.values()) > LEAST, min(distances, key=distances.get)
