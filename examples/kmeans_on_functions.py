"""K-means on two Lithops functions of this machine, and where the time went.

.venv/bin/python examples/kmeans_on_functions.py

On AWS Lambda: see docs/aws.md, and examples/aws/ for the image and the configuration.
"""

import tempfile
from pathlib import Path

import numpy as np

from burly import Dataset, KMeans, Lithops


def main() -> None:
    """Write some points to files, cluster them on two functions, and print the breakdown."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(4):
            points = rng.normal(rng.integers(0, 5, (50_000, 1)) * 4.0, 1.0, (50_000, 8))
            np.save(Path(folder) / f"{number}.npy", points.astype(np.float32))

        # On AWS: Lithops(n_workers=4, vcpus=2, backend="aws_lambda", state="rediss://..."), and data in S3.
        launcher = Lithops(n_workers=2, backend="localhost")
        model = KMeans(5, random_state=0, launcher=launcher).fit(Dataset(folder))
    print(np.sort(model.cluster_centers_[:, 0]).round().astype(int))
    print(model.run_)


if __name__ == "__main__":
    main()
