"""Molecules: which of them water dissolves, learnt from forty-eight that every chemist knows.

    python examples/molecule.py

Shows what a molecule may be written as, what speaks for an answer, and what is said where there is none. Knows no
more chemistry than the two lists below.
"""

from __future__ import annotations

import metier

DISSOLVES = """
    CO CCO CCCO CC(C)O OCCO OCC(O)CO CC(C)=O CCC(C)=O CC(=O)O CCC(=O)O CC(N)=O NC(N)=O CN CCN CNC CN(C)C OCCN
    NCC(=O)O C[C@H](N)C(=O)O OC[C@@H](N)C(=O)O OC(=O)C(O)C(O)C(=O)O OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O
    C1CCOC1 c1ccncc1
"""
DOES_NOT = """
    CCCCCC CCCCCCC CCCCCCCC CC(C)CC(C)(C)C C1CCCCC1 C1CCCCCCC1 c1ccccc1 Cc1ccccc1 CCc1ccccc1 Cc1ccc(C)cc1
    CC(C)c1ccccc1
    c1ccc2ccccc2c1 c1ccc2cc3ccccc3cc2c1 c1ccc(cc1)-c1ccccc1 Clc1ccccc1 Clc1ccc(Cl)cc1 Brc1ccccc1 Fc1ccccc1
    ClC(Cl)(Cl)Cl
    ClC(Cl)=C(Cl)Cl CCCCCCBr CCCCCCCCl C=CCCCCCC CCCCCCCCCCCC
"""


def learnt() -> metier.Specialist:
    """A specialist for water and no water; folds keep molecules of one scaffold together."""
    rows = [
        *((smiles, "dissolves") for smiles in DISSOLVES.split()),
        *((smiles, "does not") for smiles in DOES_NOT.split()),
    ]
    return metier.train(rows)


def main() -> None:
    """Train, ask, and print what is said."""
    specialist = learnt()
    asked = [
        "CCCCO",  # butanol, as SMILES
        "InChI=1S/C10H22/c1-3-5-7-9-10-8-6-4-2/h3-10H2,1-2H3",  # decane, as InChI
        "C1CC",  # a ring that stays open
    ]
    for cell, decision, evidence in zip(asked, specialist.predict(asked), specialist.evidence(asked), strict=True):
        print(f"{cell}\n  {decision.label or decision.error or decision.reason} ({decision.probability:.0%})")
        for one in evidence.parts[:2]:
            print(f"  {one.push:+.2f} from {one.part}")
        for neighbour in evidence.nearest[:1]:
            print(f"  {neighbour.similarity:.2f} like {neighbour.cell}")
        if evidence.inside is not None:
            print(f"  {'inside' if evidence.inside else 'outside'} the domain of applicability")


if __name__ == "__main__":
    main()
