"""Parquet files, remote files and data frames to tables, by way of polars and narwhals.

Knows nothing of what columns mean. Only a path that begins with a scheme such as hf:// reaches the network. Polars
comes with the extra `parquet`: what only predicts is installed without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metier import lazy
from metier.errors import UnreadableData
from metier.types import Table


def scanned(path: str, ending: str, batch_rows: int) -> Iterator[Table]:
    """A Parquet file, or a remote CSV, TSV, JSONL or Parquet file, as tables; CSV cells stay text.

    Raises: UnreadableData when it is not what its ending says, cannot be reached or has no row; MissingPackage.
    """
    lazy.need("polars", extra="parquet", purpose=f"Reading {path}")
    import polars

    try:
        first_row = 1
        for batch in _scan(path, ending).collect_batches(chunk_size=batch_rows, maintain_order=True, lazy=True):
            for part in batch.iter_slices(batch_rows):
                columns = part.fill_nan(None).to_dict(as_series=False)
                yield Table(columns=columns, source=path, first_row=first_row)
                first_row += len(part)
    except (polars.exceptions.PolarsError, OSError) as error:
        raise UnreadableData(
            f"{path}: polars cannot read it ({str(error).splitlines()[0]}). Expected {ending[1:].upper()}. "
            "Check the path, the ending, and for a remote path the network and your access."
        ) from error
    if first_row == 1:
        raise UnreadableData(f"{path}: there is not one row. Check that it is the file you mean.")


def framed(frame: Any) -> Table:
    """A frame of polars, pandas or any other library that narwhals knows, eager or lazy.

    Raises: UnreadableData when it is no frame.
    """
    lazy.need("narwhals", extra="train", purpose="Reading a data frame")
    import narwhals

    try:
        known = narwhals.from_native(frame)
    except TypeError:
        raise UnreadableData(
            f"A {type(frame).__name__} is no data. Expected a path, a polars or pandas frame, a dictionary of columns, "
            "a list of dictionaries or a list of (input, target) pairs."
        ) from None
    eager = known.collect() if isinstance(known, narwhals.LazyFrame) else known
    return Table(columns={str(name): _cells(eager[name]) for name in eager.columns})


def _cells(series: Any) -> list[Any]:
    # in pandas a gap is NaN, NaT or NA by type of column, and narwhals knows them all
    gaps = zip(series.to_list(), series.is_null().to_list(), strict=True)
    return [None if gap or (isinstance(cell, float) and cell != cell) else cell for cell, gap in gaps]


def _scan(path: str, ending: str) -> Any:
    import polars

    if ending == ".parquet":
        return polars.scan_parquet(path)
    if ending == ".jsonl":
        return polars.scan_ndjson(path)
    return polars.scan_csv(path, separator="\t" if ending == ".tsv" else ",", infer_schema=False)
