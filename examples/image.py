"""Pictures: handwritten digits from scikit-learn's small set, learnt and asked, and noise that is no digit refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

import metier


def png(grey: NDArray[np.uint8]) -> bytes:
    """A grey picture as a PNG file."""
    height, width = grey.shape
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = grey

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + chunk(b"IEND", b"")
    )


def main() -> None:
    """Learn 600 digits without a network, and judge 400 others."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = [png(np.kron(one, np.ones((4, 4))).clip(0, 15).astype(np.uint8) * 16) for one in digits.images[:1000]]
    labels = [f"digit {digit}" for digit in digits.target[:1000]]
    specialist = metier.train(list(zip(pictures[:600], labels[:600], strict=True)), effort="quick")

    right = [
        d.candidates[0].label == label
        for d, label in zip(specialist.predict(pictures[600:]), labels[600:], strict=True)
    ]
    print(f"right: {np.mean(right):.0%}")
    noise = np.random.default_rng(0).integers(0, 255, (32, 32)).astype(np.uint8)
    print(f"noise: {specialist.predict([png(noise)])[0].reason}")


if __name__ == "__main__":
    main()
