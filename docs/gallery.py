"""Draws the gallery: one specialist a domain learns the rows of its example, and answers one it has not seen.

    python docs/gallery.py        # a minute or two; writes docs/assets/gallery/DOMAIN.svg

Each picture has the cell as its trade draws it, the answer with what else it may be, and what spoke for it.
"""

from __future__ import annotations

import base64
import io
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import metier
from metier.domains.base import Domain
from metier.evidence import Evidence, evidence
from metier.report.svg import escaped

HERE = Path(__file__).parent
EXAMPLES, PLACE = HERE.parent / "examples", HERE / "assets" / "gallery"
WIDTH, HEIGHT, HALF = 720, 260, 360
INK, SOFT, MARK, PALE = "#16202b", "#5a6773", "#0b5cad", "#cfe0f3"
STYLE = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
Drawn = Callable[[Domain, Any, Evidence], str]


def main(asked: Sequence[str]) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        if asked and name not in asked:
            continue
        specialist, cell, drawn = scene()
        decision, [speaks] = specialist.predict([cell])[0], evidence(specialist, [cell])
        parts = [drawn(specialist.domain, cell, speaks), answer(decision), spoke(speaks)]
        said = f"A {name} and what a specialist says of it: {decision.words()}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {STYLE}>'
        paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fbfaf7"/>'
        (PLACE / f"{name}.svg").write_text(f"{head}<title>{escaped(said)}</title>{paper}{''.join(parts)}</svg>\n")
        print(f"{name}: {said}")


def words(x: float, y: float, text: str, **how: object) -> str:
    told = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in how.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{told}>{escaped(text)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{fill}"/>'


def line(points: Sequence[tuple[float, float]], colour: str) -> str:
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{told}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def picture(pixels: np.ndarray, x: float, y: float, width: float, height: float) -> str:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    data = base64.b64encode(held.getvalue()).decode()
    return (
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def answer(decision: Any) -> str:
    """The likeliest answers with their probabilities."""
    parts = [
        words(
            HALF + 20,
            36,
            decision.words() if decision.accepted else f"abstains: {decision.reason}",
            font_size=17,
            font_weight=650,
        )
    ]
    for i, one in enumerate(decision.candidates[:3]):
        y = 56 + 24 * i
        parts += [
            box(HALF + 20, y, 110 * one.probability, 14, MARK),
            words(HALF + 138, y + 12, f"{one.probability:.0%} {one.label}"),
        ]
    return "".join(parts)


def spoke(speaks: Evidence) -> str:
    """The parts that pushed the answer most, and the nearest rows where they are kept."""
    pushed = [one for one in speaks.parts if abs(one.push) > 1e-4][:4]
    parts = [words(HALF + 20, 150, "What spoke for it, and against", fill=SOFT)] if pushed else []
    most = max((abs(one.push) for one in pushed), default=1)
    for i, one in enumerate(pushed):
        y, long = 162 + 22 * i, 70 * abs(one.push) / most
        left = HALF + 100 if one.push > 0 else HALF + 100 - long
        parts += [box(left, y, long, 12, MARK if one.push > 0 else SOFT), words(HALF + 182, y + 11, one.part[:30])]
    return "".join(parts)


def text() -> tuple[Any, Any, Drawn]:
    def drawn(_: Domain, cell: str, speaks: Evidence) -> str:
        push = {one.part: one.push for one in speaks.parts}
        most, x, y, parts = max(map(abs, push.values()), default=1), 24.0, 90.0, []
        for word in cell.split():
            wide = 12.5 * len(word) + 12
            if x + wide > HALF - 10:
                x, y = 24.0, y + 44
            shade = max(push.get(word, 0), 0) / most
            parts += [
                f'<g opacity="{0.15 + 0.85 * shade:.2f}">{box(x - 4, y - 22, wide - 2, 32, PALE)}</g>',
                words(x, y, word, font_size=20),
            ]
            x += wide
        return "".join(parts)

    specialist = metier.train(EXAMPLES / "bank" / "intents.csv", effort="quick")
    return specialist, "someone stole my wallet and my card is in it", drawn


def table() -> tuple[Any, Any, Drawn]:
    def drawn(_: Domain, cell: dict[str, Any], __: Evidence) -> str:
        rows = [
            words(30, 60 + 34 * i, name, fill=SOFT) + words(180, 60 + 34 * i, str(value), font_size=17)
            for i, (name, value) in enumerate(cell.items())
        ]
        return "".join(rows)

    rows = runpy.run_path(str(EXAMPLES / "table.py"))["calls"]()
    specialist = metier.train(rows, input="called,balance,job", target="bought", effort="quick")
    return specialist, {"called": "2024-05-02", "balance": 4000, "job": "farmer"}, drawn


def molecule() -> tuple[Any, Any, Drawn]:
    def drawn(_: Domain, cell: str, speaks: Evidence) -> str:
        from rdkit import Chem
        from rdkit.Chem.Draw import rdMolDraw2D

        canvas = rdMolDraw2D.MolDraw2DSVG(300, 190)
        canvas.drawOptions().clearBackground = False
        canvas.DrawMolecule(Chem.MolFromSmiles(cell))
        canvas.FinishDrawing()
        inside = canvas.GetDrawingText().partition("<!-- END OF HEADER -->")[2].rpartition("</svg>")[0]
        near = speaks.nearest[0].cell if speaks.nearest else ""
        return f'<g transform="translate(20 10)">{inside}</g>' + words(
            24, 235, f"{cell}; nearest learnt: {near}"[:48], fill=SOFT
        )

    return runpy.run_path(str(EXAMPLES / "molecule.py"))["learnt"](), "CC(C)CCO", drawn


def letters(_: Domain, cell: str, speaks: Evidence) -> str:
    """A sequence in lines of 24, its letters as far apart as they are in print."""
    parts = [
        words(24, 34 + 22 * i, cell[at : at + 24], font_family="monospace", font_size=16, letter_spacing=4)
        for i, at in enumerate(range(0, min(len(cell), 240), 24))
    ]
    return "".join(parts)


def protein() -> tuple[Any, Any, Drawn]:
    made = runpy.run_path(str(EXAMPLES / "sequence.py"))["protein"]
    draw = np.random.default_rng(0)
    rows = [(made(i % 2 == 0, draw), "exported" if i % 2 == 0 else "kept") for i in range(200)]
    return metier.train(rows, effort="quick"), made(True, draw), letters


def dna() -> tuple[Any, Any, Drawn]:
    draw = np.random.default_rng(0)

    def made(box: bool) -> str:
        body = draw.choice(list("ACGT"), 96)
        if box:
            body[40:47] = list("TATAAAA")
        return "".join(body)

    rows = [(made(i % 2 == 0), "promoter" if i % 2 == 0 else "none") for i in range(300)]
    return metier.train(rows, effort="quick"), made(True), letters


def series() -> tuple[Any, Any, Drawn]:
    def drawn(_: Domain, cell: list[list[float]], __: Evidence) -> str:
        parts = []
        for i, (channel, colour) in enumerate(zip(cell, (MARK, SOFT), strict=True)):
            values = np.array(channel)
            scaled = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
            parts.append(
                line([(24 + 310 * t / len(values), 110 + 110 * i - 80 * v) for t, v in enumerate(scaled)], colour)
            )
        return "".join(parts) + words(24, 22, "speed and current of a fan", fill=SOFT)

    example = runpy.run_path(str(EXAMPLES / "series.py"))
    specialist = metier.train(example["rows"](30, seed=0), input="sensors", target="state", effort="quick")
    return specialist, example["measured"]("blocked", np.random.default_rng(9)), drawn


def image() -> tuple[Any, Any, Drawn]:
    from sklearn.datasets import load_digits

    def drawn(domain: Domain, cell: bytes, _: Evidence) -> str:
        return picture(domain.read(cell).array, 80, 25, 210, 210)

    digits, png = load_digits(), runpy.run_path(str(EXAMPLES / "image.py"))["png"]
    cells = [png(np.kron(one, np.ones((4, 4))).clip(0, 15).astype(np.uint8) * 16) for one in digits.images[:700]]
    rows = list(zip(cells[:600], [f"digit {n}" for n in digits.target[:600]], strict=True))
    return metier.train(rows, effort="quick"), cells[650], drawn


def audio() -> tuple[Any, Any, Drawn]:
    from metier.encoders.spectrum import log_mel

    def drawn(domain: Domain, cell: bytes, _: Evidence) -> str:
        loud = log_mel(domain.read(cell).array).T[::-1]
        grey = ((loud - loud.min()) / np.ptp(loud) * 255).astype(np.uint8)
        blue = np.stack([255 - grey, 255 - grey // 2, 255 - grey // 4], axis=-1)
        return picture(np.ascontiguousarray(blue), 24, 40, 310, 190) + words(
            24, 26, "pitch over half a second", fill=SOFT
        )

    played = runpy.run_path(str(EXAMPLES / "audio.py"))
    random = np.random.default_rng(0)
    rows = [(played["played"](one, random), one) for _ in range(40) for one in played["OVERTONES"]]
    return metier.train(rows[:-1], effort="quick"), rows[-1][0], drawn


def video() -> tuple[Any, Any, Drawn]:
    def drawn(domain: Domain, cell: bytes, _: Evidence) -> str:
        frames = domain.read(cell).array
        chosen = frames[np.linspace(0, len(frames) - 1, 6).astype(int)]
        return "".join(
            picture(np.ascontiguousarray(one), 24 + 108 * (i % 3), 24 + 112 * (i // 3), 100, 100)
            for i, one in enumerate(chosen)
        )

    clip, random = runpy.run_path(str(EXAMPLES / "video.py"))["clip"], np.random.default_rng(0)
    rows = [(clip(kind, random), kind) for _ in range(14) for kind in ("bounces", "rolls")]
    return metier.train(rows[:24], effort="quick"), rows[26][0], drawn


SCENES = {
    "text": text, "table": table, "molecule": molecule, "dna": dna, "protein": protein, "series": series,
    "image": image, "audio": audio, "video": video,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
