"""Try an installed burly: all parts are in the wheel and work together."""

import pathlib
import subprocess
import sys

import numpy as np

import burly


def main() -> None:
    """Fit three clusters and ask the command line for help."""
    installed = pathlib.Path(burly.__file__)
    if sys.prefix not in str(installed):
        sys.exit(f"this is not the installed burly: {installed}")
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    X = np.repeat(centres, 100, axis=0) + rng.normal(size=(300, 2))
    model = burly.KMeans(3, random_state=0).fit(X)
    # Each true centre has one of ours beside it, in whatever order they come.
    apart = np.linalg.norm(centres[:, np.newaxis] - model.cluster_centers_, axis=2)
    found = model.cluster_centers_
    if not (apart.min(axis=1) < 1.0).all():
        sys.exit(f"wrong centres: {found}")
    subprocess.run(
        [pathlib.Path(sys.executable).with_name("burly"), "--help"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    print(f"burly {burly.__version__} works on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
