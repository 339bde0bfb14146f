"""Everything that can go wrong, as one tree. Each message says what was found and where, what was expected, what to do.

MetierError
├── DataError            the rows given cannot be used as they are
│   ├── UnreadableData   the file is not what its name says, not UTF-8, empty or absent
│   ├── MissingColumn    the column asked for is not there, or none could be guessed
│   ├── BadCell          one cell is not a value of its domain
│   └── TooFewRows       too few rows, classes, or rows in a class to learn from
├── PromiseNotSupported  the data cannot keep the promise asked for
├── ArtifactError        a folder that is not a sound specialist
│   ├── NotASpecialist   no specialist.json, or not one of ours
│   ├── Damaged          a file is missing, changed, or not where it may be
│   ├── UnknownSchema    written by a newer version
│   └── NotReplayed      the golden rows come out differently here
├── NotFaithful          what was exported says something else than what was learnt
├── BadOption            an option's value makes no sense
├── MissingPackage       an optional package is needed; the message has the command
└── CannotWrite          the disk is full, the folder is in the way or not ours to write
"""

from __future__ import annotations


class MetierError(Exception):
    """Anything metier raises on purpose; the message alone is meant to be enough."""


class DataError(MetierError):
    """Change the rows or say which of them to use."""


class UnreadableData(DataError):
    """Give a CSV, TSV, JSONL or Parquet file in UTF-8, or a folder of files."""


class MissingColumn(DataError):
    """Name the column with --input or --target."""


class BadCell(DataError):
    """Fix the cell, or leave its row out."""


class TooFewRows(DataError):
    """Bring more rows: two classes at least, and two rows or more in each."""


class PromiseNotSupported(MetierError):
    """Ask for a weaker promise, or bring about as many rows as the message says."""


class ArtifactError(MetierError):
    """Nothing of this folder was used; copy or train it again."""


class NotASpecialist(ArtifactError):
    """Give the folder that `metier train` wrote."""


class Damaged(ArtifactError):
    """Copy the folder again from where it was whole."""


class UnknownSchema(ArtifactError):
    """Upgrade metier, or train again with this version."""


class NotReplayed(ArtifactError):
    """Train again on this machine, or use one that gives the same numbers."""


class NotFaithful(MetierError):
    """Install the versions that metier is tested with, and report it."""


class BadOption(MetierError):
    """Read `metier COMMAND --help` for what the option may be."""


class MissingPackage(MetierError):
    """Install what the message names."""


class CannotWrite(MetierError):
    """Free space, or name another folder."""
