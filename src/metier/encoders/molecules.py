"""SMILES, InChI and mol blocks to molecules, or to a sentence on what is wrong with them.

Knows chemistry as rdkit does, and nothing of labels. A molecule travels as its canonical SMILES, which needs no pickle,
and becomes a graph again where its atoms are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

from metier.errors import BadCell
from metier.lazy import need

MOST_CHARACTERS, MOST_BLOCK_CHARACTERS = 5_000, 1_000_000
MOST_ATOMS, MOST_RINGS = 500, 100  # of a molecule without its hydrogens; past them perception of rings may take minutes
SHOWN = 60
COUNTS = re.compile(r"^(?:(?=.*V2000)([ \d]{3})([ \d]{3})|M  V30 COUNTS +(\d{1,9}) +(\d{1,9}))", re.MULTILINE)
TOKEN = re.compile(
    r"(?P<atom>\[[^\[\]]+\]|Cl|Br|[BCNOPSFIbcnops*])|(?P<bond>[-=#$:/\\~.])|(?P<open>\()|(?P<close>\))|(?P<ring>%[0-9]{2}|[0-9])"
)


def canonical(text: str) -> str:
    """The canonical SMILES of a SMILES, an InChI or a mol block.

    Raises: BadCell saying what is wrong: which ring stays open, which atom has too many bonds, which limit is passed.
    """
    from rdkit import Chem

    text = _whole_block(text) if is_block(text) else text.strip()
    shown = text.replace("\n", " ⏎ ")[:SHOWN] + ("…" if len(text) > SHOWN else "")
    limit = MOST_BLOCK_CHARACTERS if is_block(text) else MOST_CHARACTERS
    if len(text) > limit:
        raise BadCell(
            f"'{shown}' has {len(text):,} characters. Expected a molecule of at most {limit:,}; leave it out."
        )
    with quiet():
        try:
            graph = _graph(text)
        except _Wrong as wrong:
            raise BadCell(f"'{shown}' is not a molecule ({wrong}). {wrong.advice}") from None
        smiles = str(Chem.MolToSmiles(graph))
    if molecule(smiles) is None:
        raise BadCell(
            f"'{shown}' is not a molecule (its own SMILES {smiles:.60} cannot be read). Expected one that can; leave "
            "the row out."
        )
    return smiles


@lru_cache(maxsize=4096)
def molecule(smiles: str) -> Any:
    """The rdkit molecule of a canonical SMILES; shared, so not to be changed."""
    from rdkit import Chem

    with quiet():
        return Chem.MolFromSmiles(smiles)


def parent(graph: Any) -> Any:
    """The largest part of a salt or a mixture; the molecule itself where there is one part."""
    from rdkit import Chem

    parts = Chem.GetMolFrags(graph)
    if len(parts) < 2:
        return graph
    with quiet():
        ranked = [(p.GetNumHeavyAtoms(), str(Chem.MolToSmiles(p)), p) for p in Chem.GetMolFrags(graph, asMols=True)]
    return max(ranked, key=lambda one: one[:2])[2]


def is_block(text: str) -> bool:
    """Whether a text is laid out as a mol block: an atom table of version 2000 or 3000 below its header."""
    return "\n" in text and ("V2000" in text or "V3000" in text)


def _whole_block(text: str) -> str:
    """The block with the three lines of its header, which editors and tables like to strip where they are blank."""
    lines = text.splitlines()
    counts = next(i for i, line in enumerate(lines) if "V2000" in line or "V3000" in line)
    return "\n".join([""] * max(3 - counts, 0) + lines)


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what rdkit writes to the terminal: what is wrong is said once, in our error."""
    need("rdkit", extra="molecule", purpose="Reading molecules")
    from rdkit import rdBase

    block = rdBase.BlockLogs()
    try:
        yield
    finally:
        del block


class _Wrong(Exception):
    """Why a text is no molecule."""

    def __init__(
        self, why: str, advice: str = "Expected SMILES, InChI or a mol block; fix it, or leave the row out."
    ) -> None:
        super().__init__(why)
        self.advice = advice


def _graph(text: str) -> Any:
    """The molecule, checked.

    Raises: _Wrong.
    """
    from rdkit import Chem

    read: Callable[[bool], Any] = partial(_of_smiles, text)
    why = _why_smiles
    if is_block(text):
        text = text.encode("utf-8", "replace").decode()
        _check_counts(text)
        read, why = lambda checked: Chem.MolFromMolBlock(text, sanitize=checked, removeHs=checked), _why_block
    elif text.startswith("InChI="):
        read, why = lambda checked: Chem.MolFromInchi(text, sanitize=checked, removeHs=checked), _why_inchi
    if not is_block(text) and not text.isascii():
        raise _Wrong(_why_smiles(text))
    raw = read(False)  # first without any chemistry, which is quick however odd the graph
    if raw is None:
        raise _Wrong(why(text))
    atoms = sum(atom.GetAtomicNum() != 1 for atom in raw.GetAtoms())
    rings = raw.GetNumBonds() - raw.GetNumAtoms() + 1
    if not any(atom.GetAtomicNum() for atom in raw.GetAtoms()):
        raise _Wrong("it has no atom")
    _check_size(atoms, rings)
    graph = read(True)
    if graph is None:
        problems = Chem.DetectChemistryProblems(raw)
        raise _Wrong(_why_chemistry(raw, problems[0]) if problems else "rdkit makes no sound molecule of it")
    return graph


def _of_smiles(text: str, checked: bool) -> Any:
    from rdkit import Chem

    options = Chem.SmilesParserParams()
    options.allowCXSMILES, options.parseName = False, False
    options.sanitize = options.removeHs = checked
    return Chem.MolFromSmiles(text, options)


def _check_size(atoms: int, rings: int) -> None:
    if atoms > MOST_ATOMS or rings > MOST_RINGS:
        found = f"{atoms:,} atoms and {max(rings, 0):,} rings are over the limit of {MOST_ATOMS} and {MOST_RINGS}"
        raise _Wrong(found, "Expected a small molecule; give a protein to the domain 'protein', leave out the rest.")


def _check_counts(text: str) -> None:
    """Atoms and bonds as the header of a mol block has them, before its tables are read; some are hydrogens."""
    for found in COUNTS.finditer(text):
        atoms, bonds = (int(count.strip() or 0) for count in found.groups() if count is not None)
        if atoms > 3 * MOST_ATOMS or bonds - atoms >= MOST_RINGS:
            _check_size(atoms, bonds - atoms + 1)


def _why_chemistry(graph: Any, problem: Any) -> str:
    kind = problem.GetType()
    if kind == "KekulizeException":
        atoms = ", ".join(str(i + 1) for i in problem.GetAtomIndices())
        return f"the aromatic atoms {atoms} leave no room for alternating double bonds; a nitrogen may need its H: [nH]"
    atom = graph.GetAtomWithIdx(problem.GetAtomIdx())
    name = f"atom {atom.GetIdx() + 1}, {atom.GetSymbol()},"
    if kind == "AtomValenceException":
        atom.UpdatePropertyCache(strict=False)
        bonds = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds()) + atom.GetNumExplicitHs()
        return f"{name} has the valence {bonds:g}, more than it can"
    if kind == "AtomKekulizeException":
        return f"{name} is written as aromatic and lies in no ring"
    return f"{name} {problem.Message()}"


def _why_block(text: str) -> str:
    if not any(version in text.splitlines()[3] for version in ("V2000", "V3000")):
        return "its fourth line is not the counts line of a mol block, which ends in V2000 or V3000"
    if "M  END" not in text:
        return "the mol block is cut short: there is no 'M  END'"
    return "the tables of the mol block do not fit its counts line, or name an atom that does not exist"


def _why_inchi(text: str) -> str:
    if not text.startswith("InChI=1"):
        return "it is no InChI of version 1, which begins InChI=1S/"
    return "the layers of the InChI do not fit one another"


def _why_smiles(text: str) -> str:
    """What is wrong with the grammar, and at which sign; one pass, as a person would read it."""
    rings: dict[str, int] = {}
    branches: list[int] = []
    i, atoms = 0, False
    while i < len(text):
        found = TOKEN.match(text, i)
        if found is None:
            return _no_token(text, i)
        kind, sign = found.lastgroup, found[0]
        if kind == "open":
            branches.append(i)
        elif kind == "close" and not branches:
            return f"the ')' at sign {i + 1} closes no branch"
        elif kind == "close":
            branches.pop()
        elif kind == "ring" and not atoms:
            return f"ring {sign} at sign {i + 1} opens before any atom"
        elif kind == "ring" and rings.pop(sign, None) is None:
            rings[sign] = i
        atoms = atoms or kind == "atom"
        i = found.end()
    if rings:
        named = ", ".join(ring.strip("%") for ring in rings)
        return f"rings {named} stay open" if len(rings) > 1 else f"ring {named} stays open"
    if branches:
        return f"the branch at sign {branches[0] + 1} is never closed"
    return "an atom in brackets, a bond or a ring is not as SMILES has it"


def _no_token(text: str, i: int) -> str:
    if text[i] == "[":
        empty = text[i + 1 : i + 2] == "]"
        return f"the bracket at sign {i + 1} {'holds no atom' if empty else 'is never closed'}"
    if text[i].isspace():
        return f"there is white space at sign {i + 1}, where a SMILES ends"
    if text[i] == ">":
        return f"the '>' at sign {i + 1} makes it a reaction"
    return f"{text[i]!r} at sign {i + 1} is no atom that may stand without brackets, and no bond"
