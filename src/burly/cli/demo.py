"""A photograph in 64 colours, and handwritten digits: k-means and logistic regression on functions.

The pixels of the photograph are rows in files, its colours are centres. The digits are arrays.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from burly.cli.lines import say
from burly.cli.models import summary_of, summary_of_classes
from burly.data.dataset import Dataset
from burly.estimators.kmeans import KMeans
from burly.estimators.logistic_regression import LogisticRegression
from burly.exceptions import ConfigurationError
from burly.launchers.lithops import Lithops
from burly.report.units import seconds_text

N_FILES = 4
GAP = 8
"""White pixels between the two pictures."""


def demo(out: Path, picture: str, *, n_colours: int, n_workers: int, verbose: int) -> None:
    """Find the colours of a photograph, draw it in them, and read handwritten digits.

    Parameters
    ----------
    out : Path
        A folder; it is made if it is not there.
    picture : str
        One of scikit-learn's photographs, or a file.
    n_colours, n_workers, verbose : int
    """
    image = _photograph(picture)
    _make_folder(out)
    height, width, _ = image.shape
    say(
        f"{picture}: {width} x {height} pixels, to be drawn in {n_colours} colours by "
        f"{n_workers} functions of Lithops on this machine"
    )
    launcher = Lithops(n_workers=n_workers, backend="localhost", config={"lithops": {}})
    with tempfile.TemporaryDirectory(prefix="burly-demo-") as folder:
        pixels = Path(folder) / "pixels"
        _write(image.reshape(-1, 3), pixels)
        data = Dataset(pixels)
        model = KMeans(n_colours, random_state=0, launcher=launcher, verbose=verbose).fit(data)
        labels = Path(folder) / "labels"
        model.verbose = 0
        model.predict(data, out=str(labels))
        found = _read(labels)
    if verbose:
        Console().print(model.run_.table())
    colours = np.clip(np.rint(model.cluster_centers_), 0, 255).astype(np.uint8)
    target = out / f"{Path(picture).stem}-{n_colours}-colours.png"
    _draw(image, colours[found].reshape(image.shape), target)
    say(summary_of(model))
    say(f"the photograph and its {n_colours} colours: {target}")
    _read_digits(launcher)


def _read_digits(launcher: Lithops) -> None:
    """Tell scanned digits apart, and say how many that were held back are read rightly."""
    from sklearn.datasets import load_digits  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    X, y = load_digits(return_X_y=True)
    X, seen_later, y, truth = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    say(
        f"{len(X)} handwritten digits of {X.shape[1]} pixels, to be told apart by the same functions"
    )
    model = LogisticRegression(C=0.01, launcher=launcher).fit(X, y)
    here = LogisticRegression(C=0.01).fit(X, y)
    same = np.array_equal(here.coef_, model.coef_)
    model.launcher = None
    right = int(np.sum(model.predict(seen_later) == truth))
    say(
        f"{summary_of_classes(model)}, in {seconds_text(model.run_.elapsed_s)}; {right} of "
        f"{len(truth)} digits that were held back are read rightly; in this process the coefficients "
        f"are {'the same to the last bit' if same else 'others'}"
    )


def _photograph(picture: str) -> NDArray[np.uint8]:
    from PIL import Image  # noqa: PLC0415  the demo alone needs it
    from sklearn.datasets import load_sample_image  # noqa: PLC0415

    image: NDArray[np.uint8]
    if Path(picture).is_file():
        try:
            with Image.open(picture) as opened:
                image = np.asarray(opened.convert("RGB"))
        except OSError as error:
            raise ConfigurationError(
                f"{picture} is not a picture that can be read: {error}"
            ) from None
        return image
    if picture not in {"china.jpg", "flower.jpg"}:
        raise ConfigurationError(
            f"there is no file {picture!r}; scikit-learn has china.jpg and flower.jpg"
        )
    image = load_sample_image(picture)
    return image


def _make_folder(out: Path) -> None:
    """Make it before any work is done for what goes there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{out} cannot be a folder for the picture ({error.strerror}); name another with --out"
        ) from None


def _write(pixels: NDArray[np.uint8], folder: Path) -> None:
    """Write the pixels as Parquet files, as a data set would lie in object storage."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    folder.mkdir()
    for number, rows in enumerate(np.array_split(pixels, N_FILES)):
        columns = dict(zip(("red", "green", "blue"), rows.T, strict=True))
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        parquet.write_table(table, folder / f"{number}.parquet", row_group_size=1 << 14)


def _read(folder: Path) -> NDArray[Any]:
    from pyarrow import parquet  # noqa: PLC0415

    parts = [parquet.read_table(file)["labels"] for file in sorted(folder.glob("*.parquet"))]
    return np.concatenate([part.to_numpy() for part in parts])


def _draw(left: NDArray[np.uint8], right: NDArray[np.uint8], target: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    gap = np.full((len(left), GAP, 3), 255, np.uint8)
    Image.fromarray(np.concatenate([left, gap, right], axis=1)).save(target)
