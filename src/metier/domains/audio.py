"""Audio: a WAV, FLAC, OGG or MP3 file; the cheap stage hears its colour, the costly one sees its pitch over time.

A cell is the path of a file, its bytes, or base64 (a data URL). A value is mono at 16 kHz. Knows nothing of what is
asked of it. Limits are checked in the header before anything is decoded, and again while it is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.data.media import RawFile, opened
from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Media, Table

RATE_HZ = 16_000
MOST_SECONDS, LEAST_SECONDS = 120, 0.01
MOST_BYTES = 64 * 2**20
MOST_CHANNELS, RATES_HZ = 8, (4_000, 192_000)
BLOCK_FRAMES = 65_536
FORMATS = {"WAV", "WAVEX", "FLAC", "OGG", "MP3"}
ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3")
# what a file begins with, whatever it is called
SIGNS = (
    re.compile(rb"RIFF....WAVE", re.S),
    re.compile(rb"fLaC"),
    re.compile(rb"OggS"),
    re.compile(rb"ID3|\xff[\xe2-\xff]"),
)
SPOKEN = re.compile(r"[^_]+_(?P<speaker>[^\W\d_]\w*?)_\d+")  # label_speaker_take, such as 7_lucas_12


class Audio:
    """The domain of sounds."""

    name = "audio"
    needs: tuple[str, ...] = ("soundfile", "soxr")
    files = True

    @property
    def sample(self) -> Table:
        """Four low and four high tones."""
        pitches = (180, 200, 220, 240, 900, 1000, 1100, 1200)
        cells = [_wave(_tone(hertz, i)) for i, hertz in enumerate(pitches)]
        return Table(
            columns={"input": cells, "target": ["low"] * 4 + ["high"] * 4}, source="the sample of the domain 'audio'"
        )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that name or hold a file of sound."""
        seen = [cell for cell in cells if cell is not None]
        return sum(RawFile.looks_like(cell, ENDINGS, SIGNS, "audio/") for cell in seen) / max(len(seen), 1)

    def read(self, cell: Any) -> Media:
        """The sound in a cell.

        Raises: BadCell naming the file, and the limit where one is passed.
        """
        raw = opened(cell, most_bytes=MOST_BYTES, kind="a sound", endings=ENDINGS)
        if not any(sign.match(raw.data) for sign in SIGNS):
            raise BadCell(f"{raw.name}: {raw.began()} is no sound. Expected WAV, FLAC, OGG or MP3; convert it.")
        return Media(array=_decoded(raw), name=raw.name)

    def group(self, values: Sequence[Media]) -> NDArray[np.int64] | None:
        """The speaker, where every file is called label_speaker_take or lies in a folder of its speaker."""
        speakers = [_speaker(value.name) for value in values]
        if not speakers or any(speaker is None for speaker in speakers) or len(set(speakers)) < 2:
            return None
        return np.unique([str(speaker) for speaker in speakers], return_inverse=True)[1].astype(np.int64)

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Pooled bands and cepstrum; from `standard` on a network over pitch and time."""
        from metier.encoders.mfcc import MfccEncoder

        stages: list[Encoder] = [MfccEncoder()]
        if effort != "quick":
            from metier.encoders.convnet import ConvnetEncoder

            stages.append(ConvnetEncoder.build("hearing", effort=effort))
        return stages

    def parts(self, value: Media) -> list[tuple[str, Media]]:
        """Every second of the sound, and the sound with that second silent; of a short one, its quarters."""
        found: list[tuple[str, Media]] = []
        samples = value.array
        step = RATE_HZ if len(samples) > 2 * RATE_HZ else max(len(samples) // 4, 1)
        for start in range(0, len(samples), step):
            silenced = samples.copy()
            silenced[start : start + step] = 0
            end = min(start + step, len(samples))
            said = f"{start / RATE_HZ:.2f} to {end / RATE_HZ:.2f} s"
            found.append((said, Media(array=silenced, name=value.name)))
        return found


def _decoded(raw: RawFile) -> NDArray[np.float32]:
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(io.BytesIO(raw.data)) as file:
            _check_header(raw.name, file)
            down = soxr.ResampleStream(file.samplerate, RATE_HZ, 1, dtype="float32")
            parts = [down.resample_chunk(block) for block in _blocks(raw.name, file)]
            parts.append(down.resample_chunk(np.zeros(0, np.float32), last=True))
    except (soundfile.SoundFileError, RuntimeError, ValueError, OSError) as error:
        raise BadCell(f"{raw.name}: cannot be decoded ({error}). Expected a whole file; save it again.") from error
    samples = np.concatenate(parts)
    if len(samples) < LEAST_SECONDS * RATE_HZ:
        raise BadCell(f"{raw.name}: {len(samples) / RATE_HZ:.3f} s. Expected {LEAST_SECONDS} s or more of sound.")
    if not np.isfinite(samples).all():
        raise BadCell(f"{raw.name}: samples that are no numbers (inf or nan). Expected finite ones; save it again.")
    return np.asarray(
        np.clip(samples, -8, 8), np.float32
    )  # a file of floats may hold any; what is louder than that says no more


def _check_header(name: str, file: Any) -> None:
    if file.format not in FORMATS:
        raise BadCell(f"{name}: format {file.format}. Expected WAV, FLAC, OGG or MP3; convert it.")
    low, high = RATES_HZ
    if not low <= file.samplerate <= high:
        raise BadCell(f"{name}: {file.samplerate:,} samples a second. Expected {low:,} to {high:,}; convert it.")
    if file.channels > MOST_CHANNELS:
        raise BadCell(f"{name}: {file.channels:,} channels. Expected at most {MOST_CHANNELS}; mix them down.")
    seconds = file.frames / file.samplerate
    if seconds > MOST_SECONDS:
        raise BadCell(f"{name}: {seconds:,.0f} s of sound are too many. Expected at most {MOST_SECONDS} s; cut it up.")


def _blocks(name: str, file: Any) -> Iterator[NDArray[np.float32]]:
    """The sound in one channel, block by block: a header may say less than there is."""
    left = MOST_SECONDS * file.samplerate
    for block in file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
        left -= len(block)
        if left < 0:
            raise BadCell(f"{name}: more sound than its header says. Expected at most {MOST_SECONDS} s; cut it up.")
        yield np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))


def _speaker(name: str) -> str | None:
    """Who speaks, by the name of the file: 7_lucas_12.wav, or label/lucas/12.wav."""
    parts = name.replace("\\", "/").split("/")
    found = SPOKEN.fullmatch(parts[-1].rpartition(".")[0])
    if found is not None:
        return found["speaker"]
    return next((part for part in parts[:-1] if re.match(r"(?i)(speaker|spk)[-_ ]?\w+", part)), None)


def _tone(hertz: float, seed: int) -> NDArray[np.float32]:
    at = np.arange(RATE_HZ // 4) / RATE_HZ
    noise = np.random.default_rng(seed).standard_normal(len(at))
    return (0.4 * np.sin(2 * np.pi * hertz * at) + 0.01 * noise).astype(np.float32)


def _wave(samples: NDArray[np.float32]) -> bytes:
    """A WAV file of 16 bits."""
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


DOMAIN = Audio()
