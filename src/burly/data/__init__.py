"""From a path, a URI or an array to shards, and from shards to the rows of a worker.

The client describes (`Dataset.resolve`), a worker reads (`read_partition`). Modules:

- `dataset`: what a user names, and what the client finds there; `file_options`: that, as the formats
  see it;
- `shards`: the pieces that the data alone determines, and how they are dealt to workers;
- `arrays`, `read_npy`, `read_csv` (with `csv_schema`, `csv_text`), `read_parquet` (with
  `parquet_schema`), `read_svmlight`: the formats; `reader`: what each of them offers to a worker;
- `reading`: a worker's part; `partition`: what it then holds;
- `storage` (with `object_stores`, `store_errors`): the only modules that know obstore; `uris`: how
  places are written; `locate`: globs and folders;
- `upload`: an array on its way to workers;
- `outputs`: results as long as the data, on their way back.
"""
