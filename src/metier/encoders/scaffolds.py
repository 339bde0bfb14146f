"""Molecules taken apart: what they are built around, for splits that do not leak, and their fragments, for evidence.

Knows graphs of atoms, and nothing of labels.

Source: Bemis and Murcko 1996 for scaffolds; Ertl 2017, "An algorithm to identify functional groups", in spirit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.encoders.molecules import molecule, parent, quiet

MOST_FRAGMENTS = 40


def scaffold_groups(values: Sequence[str]) -> NDArray[np.int64]:
    """One number a molecule (n,): molecules of one scaffold, or of one structure however it is written, share theirs.

    Salts are judged by their largest part. A molecule without rings has no scaffold, and its chain stands in for one:
    the same branches, whatever the atoms.
    """
    first_of: dict[str, int] = {}
    leader = list(range(len(values)))

    def lead(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, value in enumerate(values):
        graph = parent(molecule(value))
        for name in (_scaffold(graph), _structure(graph)):
            leader[lead(i)] = lead(first_of.setdefault(name, i))
    return np.array([lead(i) for i in range(len(values))], np.int64)


def fragments(value: str) -> list[tuple[str, str]]:
    """Ring systems, functional groups and chains: the name of each with its atoms, and the molecule without it.

    Atoms are counted from 1 in the canonical SMILES. A molecule that is one fragment has none.
    """
    graph = molecule(value)
    pieces = _pieces(graph)
    if len(pieces) < 2:
        return []
    found = []
    for piece in pieces[:MOST_FRAGMENTS]:
        without = _without(graph, set(piece))
        if without:
            found.append((_name(graph, piece), without))
    return found


def _scaffold(graph: Any) -> str:
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with quiet():
        if graph.GetRingInfo().NumRings():
            return "rings " + str(MurckoScaffold.MurckoScaffoldSmiles(mol=graph, includeChirality=False))
        try:
            return "chain " + str(Chem.MolToSmiles(MurckoScaffold.MakeScaffoldGeneric(graph)))
        except Chem.MolSanitizeException:  # seven neighbours are too many for the carbon that stands in
            return "chain " + str(Chem.MolToSmiles(graph, isomericSmiles=False))


def _structure(graph: Any) -> str:
    """The first block of the InChIKey: the same for tautomers, stereoisomers and isotopes."""
    from rdkit import Chem

    with quiet():
        return "structure " + (str(Chem.MolToInchiKey(graph))[:14] or str(Chem.MolToSmiles(graph)))


def _pieces(graph: Any) -> list[list[int]]:
    """The atoms of each ring system with what is doubly bound to it, each functional group, and each chain between."""
    ring = {atom.GetIdx() for atom in graph.GetAtoms() if atom.IsInRing()}
    kind = dict.fromkeys(ring, "ring")
    for bond in graph.GetBonds():
        ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
        if bond.GetBondTypeAsDouble() > 1:
            outside = ends - ring
            kind |= {i: "ring" if len(outside) == 1 else "group" for i in outside}  # C=O of a ring is the ring's
    for atom in graph.GetAtoms():
        i = atom.GetIdx()
        if i not in kind:
            kind[i] = "group" if atom.GetAtomicNum() not in (1, 6) else "chain"
    joined = [[n.GetIdx() for n in atom.GetNeighbors()] for atom in graph.GetAtoms()]

    def together(i: int, j: int) -> bool:
        if kind[i] != kind[j]:
            return False
        # two rings joined by a single bond that lies in no ring are two
        return kind[i] != "ring" or _bond(graph, i, j).IsInRing() or _bond(graph, i, j).GetBondTypeAsDouble() > 1

    seen: set[int] = set()
    pieces = []
    for start in range(graph.GetNumAtoms()):
        if start in seen:
            continue
        piece, front = [], [start]
        seen.add(start)
        while front:
            i = front.pop()
            piece.append(i)
            new = [j for j in joined[i] if j not in seen and together(i, j)]
            seen.update(new)
            front += new
        pieces.append(sorted(piece))
    return pieces


def _bond(graph: Any, i: int, j: int) -> Any:
    return graph.GetBondBetweenAtoms(i, j)


def _without(graph: Any, piece: set[int]) -> str | None:
    """The canonical SMILES of what is left, hydrogens where something was cut off; None where nothing sound is left."""
    from rdkit import Chem

    left = Chem.RWMol(graph)
    for i in set(range(graph.GetNumAtoms())) - piece:
        cut = [n.GetIdx() for n in graph.GetAtomWithIdx(i).GetNeighbors() if n.GetIdx() in piece]
        atom = left.GetAtomWithIdx(i)
        if cut and (atom.GetNoImplicit() or (atom.GetIsAromatic() and atom.GetAtomicNum() != 6)):
            bonds = sum(_bond(graph, i, j).GetBondTypeAsDouble() for j in cut)
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() + int(bonds))
    for i in sorted(piece, reverse=True):
        left.RemoveAtom(i)
    with quiet():
        try:
            smiles = str(Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(left))))
        except Exception:  # whatever rdkit raises over what is left: it is then no molecule to ask about
            return None
    return smiles or None


def _name(graph: Any, piece: Sequence[int]) -> str:
    from rdkit import Chem

    numbers = [i + 1 for i in piece]
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    where = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
    smiles = Chem.MolFragmentToSmiles(graph, atomsToUse=list(piece))
    return f"{smiles} (atom{'s' if len(numbers) > 1 else ''} {where})"
