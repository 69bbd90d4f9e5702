"""Try an installed burly: all parts are in the wheel and work together."""

import pathlib
import subprocess
import sys
import tempfile
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from scipy import sparse

import burly
from burly.launchers import platforms

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def main() -> None:
    """Try each part; what is missing or wrong ends this with a line."""
    installed = pathlib.Path(burly.__file__)
    check(sys.prefix in str(installed), f"this is not the installed burly: {installed}")
    rng = np.random.default_rng(0)
    X = np.repeat(CENTRES, 100, axis=0) + rng.normal(size=(300, 2))
    y = np.repeat([0, 1, 2], 100)
    model = burly.KMeans(3, random_state=0).fit(X)
    # Each true centre has one of ours beside it, in whatever order they come.
    apart = np.linalg.norm(CENTRES[:, np.newaxis] - model.cluster_centers_, axis=2)
    check((apart.min(axis=1) < 1.0).all(), f"wrong centres: {model.cluster_centers_}")
    for rows in (X, sparse.csr_array(X)):
        classes = burly.LogisticRegression().fit(rows, y)
        check(classes.score(rows, y) > 0.95, f"wrong classes: {classes.coef_}")
    check(platforms.size("aws_lambda", 2).memory_mb == 3538, "wrong table of platforms")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        try_formats(X, y, place)
        try_functions(model, X, place)
    try_command("--help")
    print(f"burly {burly.__version__} works on Python {sys.version.split()[0]}")


def try_formats(X: np.ndarray, y: np.ndarray, place: pathlib.Path) -> None:
    """Fit to the same rows in files of each format."""
    np.savetxt(place / "rows.csv", X, delimiter=",", header="a,b", comments="")
    parquet.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), place / "rows.parquet")
    np.save(place / "rows.npy", X)
    for suffix in ("csv", "parquet", "npy"):
        model = burly.KMeans(3, random_state=0).fit(burly.Dataset(place / f"rows.{suffix}"))
        check(model.inertia_ < 1000, f"wrong inertia from {suffix}: {model.inertia_}")
    lines = [f"{label} 1:{a:.6f} 2:{b:.6f}\n" for label, (a, b) in zip(y, X, strict=True)]
    (place / "rows.svm").write_text("".join(lines))
    classes = burly.LogisticRegression().fit(burly.Dataset(place / "rows.svm"))
    check(classes.coef_.shape == (3, 2), f"wrong coefficients from svmlight: {classes.coef_}")


def try_functions(here: burly.KMeans, X: np.ndarray, place: pathlib.Path) -> None:
    """Fit on functions, and show the run where what draws its page is installed."""
    launcher = burly.Lithops(n_workers=2, backend="localhost", config={"lithops": {}})
    there = burly.KMeans(3, random_state=0, launcher=launcher).fit(X)
    same = np.array_equal(there.cluster_centers_, here.cluster_centers_)
    check(same, f"functions found other centres: {there.cluster_centers_}")
    there.run_.save(place / "run.json")
    if find_spec("altair") and find_spec("vl_convert"):
        try_command("report", str(place / "run.json"))


def try_command(*arguments: str) -> None:
    """Run the command line."""
    command = pathlib.Path(sys.executable).with_name("burly")
    subprocess.run([command, *arguments], check=True, stdout=subprocess.DEVNULL)


def check(holds: bool, otherwise: str) -> None:  # noqa: FBT001  it reads as a sentence
    """End this with a line unless something holds."""
    if not holds:
        sys.exit(otherwise)


if __name__ == "__main__":
    main()
