"""Clips: a ball that bounces or rolls, drawn here and written as AVI, told apart by how it moves."""

from __future__ import annotations

import io

import numpy as np

import metier


def clip(kind: str, random: np.random.Generator) -> bytes:
    """A second of a ball, 64 by 64 pixels, as an AVI file."""
    import av

    buffer = io.BytesIO()
    start, speed = random.uniform(5, 15), random.uniform(1.5, 2.5)
    with av.open(buffer, "w", format="avi") as file:
        stream = file.add_stream("mjpeg", rate=16)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        for at in range(16):
            frame = random.normal(60, 4, (64, 64, 3))
            x = int(start + speed * at)
            y = 48 - int(abs(np.sin(at / 3)) * 36) if kind == "bounces" else 48
            frame[y : y + 10, x : x + 10] = (230, 120, 40)
            picture = av.VideoFrame.from_ndarray(frame.clip(0, 255).astype(np.uint8), format="rgb24")
            picture.pts = at
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return buffer.getvalue()


def main() -> None:
    """Learn 12 clips of each kind, and judge 4 others."""
    random = np.random.default_rng(0)
    rows = [(clip(kind, random), kind) for _ in range(16) for kind in ("bounces", "rolls")]
    specialist = metier.train(rows[:24], effort="quick")
    decisions = specialist.predict([one for one, _ in rows[24:]])
    right = [d.candidates[0].label == label for d, (_, label) in zip(decisions, rows[24:], strict=True)]
    print(f"right: {np.mean(right):.0%}")
    print(f"not a clip: {specialist.predict([b'GIF89a'])[0].error}")


if __name__ == "__main__":
    main()
