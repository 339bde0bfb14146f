"""Whatever holds examples to a Table: files, folders, remote paths, frames, dictionaries and lists.

Knows nothing of what columns mean. CSV, TSV, JSON and JSONL are read by the standard library; Parquet and remote paths
need polars, which comes with the extra `parquet` and not with what only predicts. SDF is read without chemistry, FASTA
without biology, and archives are opened in `archive.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from metier.data import archive, columnar, lines, sdf, sequences, series, spans
from metier.errors import UnreadableData
from metier.types import Packed, Table

ENDINGS = {".csv": ".csv", ".tsv": ".tsv", ".tab": ".tsv", ".jsonl": ".jsonl", ".ndjson": ".jsonl"}
ENDINGS |= {".json": ".json", ".parquet": ".parquet", ".pq": ".parquet", ".ts": ".ts"}
ENDINGS |= {".conll": ".conll", ".iob": ".conll", ".iob2": ".conll", ".bio": ".conll"}
ENDINGS |= {".sdf": ".sdf", ".sd": ".sdf", ".mol": ".sdf"}
ENDINGS |= dict.fromkeys((".fasta", ".fa", ".fna", ".faa", ".ffn"), ".fasta")
# what the records of a file are, in the column that its reader names so; their own name stands in `name`
RECORDS = {".sdf": sdf.MOLECULE, ".fasta": sequences.SEQUENCE}
KNOWN = ", ".join((*ENDINGS, *archive.ENDINGS))
SHOWN_PROBLEMS = 5


def read(source: Any, *, lenient: bool = False) -> Table:
    """A whole table from a path, a frame, a dictionary of columns, a list of dictionaries or of (input, target) pairs.

    Raises: UnreadableData, naming the lines that cannot be read, for nothing is learnt from part of a file; with
    `lenient` such rows stay in their place and in `Table.problems`.
    """
    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        return _joined(str(source), stream(source), lenient)
    if isinstance(source, Mapping):
        return _table_of_columns(source)
    if isinstance(source, Sequence):
        return _table_of_rows(source)
    return _not_empty(columnar.framed(source))


def stream(path: str | Path, batch_rows: int = 4096) -> Iterator[Table]:
    """The rows of a file in order, as tables of at most `batch_rows` rows, in bounded memory (but .json is read whole).

    A row that cannot be parsed stays where it was, with what could be read of it and a line in `Table.problems`.
    `Table.first_row` counts rows from 1, below the header. A folder laid out label/file gives the columns `file`, with
    paths, and `label`; so does a zip or tar archive, whose files are given as `Packed`.

    Raises: UnreadableData when the file as a whole cannot be read; MissingPackage.
    """
    if "://" in str(path):
        yield from columnar.scanned(str(path), _ending(str(path)), batch_rows)
        return
    path = Path(path)
    if not path.exists():
        raise UnreadableData(f"{path}: there is no such file or folder. Check the path (this is {Path.cwd()}).")
    if path.is_dir():
        yield from _parts(_table_of_folder(path), batch_rows)
    elif path.name.lower().endswith(archive.ENDINGS):
        yield from _parts(_table_of_archive(path), batch_rows)
    else:
        for table in _tabular(path, batch_rows):
            yield replace(table, folder=path.parent)


def _tabular(path: Path, batch_rows: int) -> Iterator[Table]:
    ending = _ending(path.name)
    if ending == ".json":
        yield from _parts(_table_of_json(path), batch_rows)
    elif ending == ".jsonl":
        yield from lines.json_lines(path, batch_rows)
    elif ending == ".conll":
        yield from spans.conll(path, batch_rows)
    elif ending == ".sdf":
        yield from sdf.molecules(path, batch_rows)
    elif ending == ".fasta":
        yield from sequences.sequences(path, batch_rows)
    elif ending == ".parquet":
        yield from columnar.scanned(str(path), ending, batch_rows)
    elif ending == ".ts":
        yield from series.ts_lines(path, batch_rows)
    else:
        yield from series.gathered(lines.delimited(path, batch_rows, "\t" if ending == ".tsv" else None))


def digest(table: Table, columns: Sequence[str]) -> str:
    """The sha256 of these columns' names and cells; equal cells give equal digests, whatever file they came from.

    Of a file named by a cell it is the content that counts, not the path.
    """
    running = hashlib.sha256(json.dumps(list(columns)).encode())
    for cells in zip(*(table.columns[name] for name in columns), strict=True):
        for cell in cells:
            content = _content(cell)
            running.update(b"%d:" % len(content))  # with lengths, "ab","c" is not "a","bc"
            running.update(content)
    return running.hexdigest()


def _content(cell: Any) -> bytes:
    if isinstance(cell, str):
        return b"text:" + cell.encode("utf-8", "surrogatepass")
    if isinstance(cell, Path):
        return b"file:" + hashlib.sha256(cell.read_bytes()).digest()
    if isinstance(cell, Packed):
        return b"file:" + hashlib.sha256(cell.data).digest()
    if isinstance(cell, bytes):
        return b"bytes:" + cell
    return b"json:" + json.dumps(cell, sort_keys=True, default=str).encode()


def _ending(path: str) -> str:
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UnreadableData(
            f"{path}: the ending '{ending}' says nothing of how to read it. Expected one of {KNOWN}, or a folder laid "
            "out label/file. Rename or convert the file."
        )
    return ENDINGS[ending]


def _joined(name: str, batches: Iterator[Table], lenient: bool) -> Table:
    columns: dict[str, list[Any]] = {}
    problems: dict[int, str] = {}
    rows, source, folder = 0, name, None
    for batch in batches:
        source, folder = batch.source, batch.folder
        for column in batch.columns:
            columns.setdefault(column, [None] * rows)
        problems |= {rows + i: problem for i, problem in batch.problems.items()}
        rows += len(batch)
        for column, cells in columns.items():
            cells += batch.columns.get(column, [None] * len(batch))
    if problems and not lenient:
        raise UnreadableData(_told(name, list(problems.values()), rows))
    return Table(columns=columns, source=source, problems=problems, folder=folder)


def _told(name: str, problems: Sequence[str], rows: int) -> str:
    others = [problem.split(":")[0].removeprefix("line ") for problem in problems[1 : SHOWN_PROBLEMS + 1]]
    more = f" Also line {', '.join(others)}" + (" and more." if len(problems) > SHOWN_PROBLEMS + 1 else ".")
    count = f"{len(problems):,} of {rows:,} rows cannot be read" if len(problems) > 1 else "a row cannot be read"
    return f"{name}: {count}. L{problems[0][1:]}.{more if others else ''}"


def _table_of_json(path: Path) -> Table:
    try:
        rows = lines.parse_json(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        at = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UnreadableData(f"{path}: line {at} has {lines.not_utf8(path.name)}.") from None
    except OSError as error:
        raise UnreadableData(f"{path}: cannot be read ({error.strerror}). Check who may read it.") from None
    except ValueError as error:
        raise UnreadableData(
            f"{path}: no valid JSON ({error}). Expected a list of objects; with one object on each line, end the "
            "name in .jsonl."
        ) from None
    if not isinstance(rows, list):
        raise UnreadableData(f"{path}: a JSON {type(rows).__name__}. Expected a list of objects: [{{...}}, ...].")
    return _table_of_rows(rows, path.name)


def _table_of_folder(path: Path) -> Table:
    labels = sorted(child for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))
    files = [
        (file, label.name)
        for label in labels
        for file in sorted(label.rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    ]
    if not files:
        raise UnreadableData(
            f"{path}: no file in a subfolder. Expected {path.name}/label/file, one subfolder for each label. For a "
            f"table, give the file itself ({KNOWN}); to ask about files without labels, name them: {path.name}/*."
        )
    return Table(columns={"file": [f for f, _ in files], "label": [label for _, label in files]}, source=path.name)


def _table_of_archive(path: Path) -> Table:
    files, labels = [], []
    for file in archive.files(path):
        *folders, name = file.path.split("/")
        if folders and not name.startswith("."):
            files.append(file)
            labels.append(folders)
    shared = 0  # an archive of one folder, as most are: train/label/file
    while labels and len({tuple(folders[: shared + 1]) for folders in labels}) == 1 < min(map(len, labels)) - shared:
        shared += 1
    if not files:
        raise UnreadableData(
            f"{path}: no file in a folder. Expected label/file, one folder for each label. Pack it anew."
        )
    return Table(columns={"file": files, "label": [folders[shared] for folders in labels]}, source=path.name)


def _table_of_columns(source: Mapping[Any, Any]) -> Table:
    for name, cells in source.items():
        if isinstance(cells, str | bytes) or not isinstance(cells, Iterable):
            raise UnreadableData(f"Column '{name}' is a {type(cells).__name__}. Expected a list of cells.")
    columns = {str(name): _gapped(c.tolist() if hasattr(c, "tolist") else c) for name, c in source.items()}
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UnreadableData(f"The columns are not of one length: {lengths}. Give each the same number of cells.")
    return _not_empty(Table(columns=columns))


def _table_of_rows(source: Sequence[Any], source_name: str = "memory") -> Table:
    for at, row in enumerate(source):
        if _kind(row) is None or _kind(row) != _kind(source[0]):
            raise UnreadableData(
                f"{source_name}: entry {at + 1} of the list is {str(row)[:60]!r}. Expected dictionaries throughout, or "
                "(input, target) pairs throughout."
            )
    if source and _kind(source[0]) == "pair":
        columns = {"input": _gapped(row[0] for row in source), "target": _gapped(row[1] for row in source)}
    else:
        names = dict.fromkeys(name for row in source for name in row)
        columns = {str(name): _gapped(row.get(name) for row in source) for name in names}
    return _not_empty(Table(columns=columns, source=source_name))


def _kind(row: Any) -> str | None:
    if isinstance(row, Mapping):
        return "dictionary"
    return "pair" if isinstance(row, tuple | list) and len(row) == 2 else None


def _gapped(cells: Iterable[Any]) -> list[Any]:
    return [None if isinstance(cell, float) and cell != cell else cell for cell in cells]


def _not_empty(table: Table) -> Table:
    if not len(table):
        raise UnreadableData(f"{table.source}: there is not one row. Expected at least one, with named columns.")
    return table


def _parts(table: Table, batch_rows: int) -> Iterator[Table]:
    for start in range(0, len(table), batch_rows):
        columns = {name: cells[start : start + batch_rows] for name, cells in table.columns.items()}
        yield Table(columns=columns, source=table.source, first_row=start + 1)
