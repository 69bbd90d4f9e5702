"""Train k-means or logistic regression with one library, from a Parquet file to the model.

Run by `end_to_end` with the Python of an environment that has the library; writes the centres or the
coefficients to a file, and prints when the imports, the reading and the training were done.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

K, ITERATIONS, CORES = 10, 20, 2
Lap = Callable[[str], None]


def read_with_arrow(data: Path) -> tuple[Any, Any]:
    """Return features and labels as arrays: what libraries without a reader of their own need."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(data)
    names = [name for name in table.column_names if name != "y"]
    X = np.column_stack([table[name].to_numpy() for name in names])
    return X, table["y"].to_numpy()


def burly_in_process(data: Path, algorithm: str, lap: Lap, launcher: Any = None) -> Any:
    import burly

    lap("import")
    if algorithm == "kmeans":
        dataset = burly.Dataset(data, columns=names_of(data))
        model = burly.KMeans(K, max_iter=ITERATIONS, random_state=0, launcher=launcher)
        return model.fit(dataset).cluster_centers_
    dataset = burly.Dataset(data, label="y")
    return coefficients(burly.LogisticRegression(launcher=launcher).fit(dataset))


def burly_on_functions(data: Path, algorithm: str, lap: Lap) -> Any:
    import burly

    launcher = burly.Lithops(n_workers=CORES, vcpus=1, backend="localhost")
    return burly_in_process(data, algorithm, lap, launcher)


def scikit_learn(data: Path, algorithm: str, lap: Lap) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.linear_model import LogisticRegression

    lap("import")
    X, y = read_with_arrow(data)
    lap("read")
    if algorithm == "kmeans":
        return KMeans(K, max_iter=ITERATIONS, n_init=1, random_state=0).fit(X).cluster_centers_
    return coefficients(LogisticRegression().fit(X, y))


def scikit_learn_intelex(data: Path, algorithm: str, lap: Lap) -> Any:
    from sklearnex import patch_sklearn

    patch_sklearn(verbose=False)
    return scikit_learn(data, algorithm, lap)


def faiss(data: Path, algorithm: str, lap: Lap) -> Any:  # noqa: ARG001  it has k-means alone
    import faiss as library

    lap("import")
    X, _ = read_with_arrow(data)
    lap("read")
    model = library.Kmeans(X.shape[1], K, niter=ITERATIONS, max_points_per_centroid=len(X), seed=1)
    model.train(X)
    return model.centroids


def dask_ml(data: Path, algorithm: str, lap: Lap) -> Any:
    import dask.dataframe as dd
    from dask.distributed import Client, LocalCluster
    from dask_ml.cluster import KMeans
    from dask_ml.linear_model import LogisticRegression

    lap("import")
    with (
        LocalCluster(n_workers=CORES, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        frame = dd.read_parquet(data).repartition(npartitions=CORES).persist()
        X = frame.drop(columns="y").to_dask_array(lengths=True)
        lap("read")
        if algorithm == "kmeans":
            model = KMeans(K, max_iter=ITERATIONS, random_state=0, oversampling_factor=2)
            return model.fit(X).cluster_centers_
        y = frame["y"].to_dask_array(lengths=True)
        return coefficients(LogisticRegression(solver="lbfgs").fit(X, y))


def spark(data: Path, algorithm: str, lap: Lap) -> Any:
    import numpy as np
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master(f"local[{CORES}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .getOrCreate()
    )
    lap("import")
    table = session.read.parquet(str(data))
    names = [name for name in table.columns if name != "y"]
    rows = VectorAssembler(inputCols=names, outputCol="features").transform(table).cache()
    rows.count()
    lap("read")
    if algorithm == "kmeans":
        model = KMeans(k=K, maxIter=ITERATIONS, seed=0).fit(rows)
        return np.array(model.clusterCenters())
    # Its penalty is on the mean loss of standardised columns; the least that still is one.
    model = LogisticRegression(labelCol="y", regParam=0.0, standardization=False).fit(rows)
    return np.append(model.intercept, model.coefficients.toArray())


def names_of(data: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [name for name in pq.read_schema(data).names if name != "y"]


def coefficients(model: Any) -> Any:
    import numpy as np

    return np.append(np.ravel(model.intercept_), np.ravel(model.coef_))


LIBRARIES = {
    "burly": burly_in_process,
    "burly on 2 functions": burly_on_functions,
    "scikit-learn": scikit_learn,
    "scikit-learn-intelex": scikit_learn_intelex,
    "faiss": faiss,
    "dask-ml": dask_ml,
    "Spark MLlib": spark,
}


def main() -> None:
    """Train with one library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("algorithm", choices=["kmeans", "logistic"])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    laps = {}

    def lap(name: str) -> None:
        laps[name] = time.time()

    found = LIBRARIES[options.library](options.data, options.algorithm, lap)
    lap("train")
    import numpy as np

    np.save(options.out, np.asarray(found, dtype=np.float64))
    print(json.dumps(laps))


if __name__ == "__main__":
    main()
