"""Workers that are threads of this process say what those in functions say."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from burly import Dataset, InProcess, KMeans


def test_fewer_shards_than_workers_are_told():
    model = KMeans(2, random_state=0, launcher=InProcess(3)).fit(np.arange(8.0).reshape(4, 2))
    assert model.run_.notes == ["the data has only 1 shard, so it goes to 1 worker, not 3"]


def test_fewer_row_groups_than_workers_are_told(tmp_path):
    parquet.write_table(pa.table({"a": np.arange(20_000.0)}), tmp_path / "x.parquet")
    stored = Dataset(tmp_path / "x.parquet")
    model = KMeans(2, random_state=0, launcher=InProcess(2)).fit(stored)
    assert model.run_.notes[0].startswith("2 workers share 1 row group of Parquet")
