"""Sampled small frames of a clip, decoded by PyAV; meant to be run in a process of its own, see confined.py.

Formats and codecs are on a list, and what the header says is held against the limits before a frame is decoded. Knows
nothing of what the frames show.
"""

from __future__ import annotations

import io
import time
from typing import Any

from metier.data.confined import Refused, Said

FORMATS = {b"ftyp": ("mp4", "mov"), b"\x1aE\xdf\xa3": ("webm", "matroska"), b"AVI ": ("avi", "avi")}
CODECS = {
    *("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "msmpeg4v2", "msmpeg4v3", "mjpeg", "rawvideo"),
    *("mpeg2video", "mpeg1video", "h263", "ffv1", "huffyuv", "dvvideo", "flv"),
}


def sampled(said: Said, data: bytes) -> tuple[Said, bytes]:
    """The job: `frames` frames spread evenly over the clip, `width` by `height`, RGB, as bytes (t, h, w, 3).

    Raises: Refused, saying which limit is passed.
    """
    import av

    name = format_of(data)
    if name is None:
        raise Refused("is no clip; expected MP4, WebM or AVI")
    # a header is filled up by decoding the first frames: those keep the limit, too
    careful = {"max_pixels": str(said["most_pixels"]), "threads": "1"}
    try:
        with av.open(io.BytesIO(data), format=name, options=careful, metadata_errors="ignore") as clip:
            return _frames(clip, said)
    except av.error.FFmpegError as error:
        raise Refused(f"cannot be decoded ({error}); expected a whole MP4, WebM or AVI file") from error


def format_of(data: bytes) -> str | None:
    """FFmpeg's name of the format, by the first bytes; anything else is never shown to a decoder."""
    for at, sign in ((4, b"ftyp"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI ")):
        if data[at : at + len(sign)] == sign and (sign != b"AVI " or data[:4] == b"RIFF"):
            return FORMATS[sign][1]
    return None


def _frames(clip: Any, said: Said) -> tuple[Said, bytes]:
    if not clip.streams.video:
        raise Refused("has no picture; expected a clip with a video stream")
    stream = clip.streams.video[0]
    seconds = _checked(clip, stream, said)
    stream.thread_count = 1
    stream.codec_context.skip_frame = "DEFAULT"
    wanted = said["frames"]
    kept: list[tuple[float, bytes]] = []
    every, count, last = seconds / wanted, 0, -1.0
    started = time.monotonic()
    for frame in clip.decode(stream):
        count += 1
        if count > said["most_frames"]:
            raise Refused(f"has more than {said['most_frames']:,} frames; expected at most that")
        if frame.width * frame.height > said["most_pixels"]:
            raise Refused(
                f"has frames of {frame.width:,} by {frame.height:,} pixels; expected at most {said['most_pixels']:,}"
            )
        at = float(frame.time) if frame.time is not None else count / 25
        if last >= 0 and at - last < 0.75 * every:
            continue
        small = frame.reformat(width=said["width"], height=said["height"], format="rgb24", interpolation="AREA")
        kept.append((at, small.to_ndarray().tobytes()))
        last = at
        if len(kept) >= 2 * wanted:  # the header said less than there is
            kept, every = kept[::2], 2 * every
        if time.monotonic() - started > said["decode_s"]:
            break  # what has been seen so far will do: a long clip on a slow machine is no error
    if not kept:
        raise Refused("has not one frame that can be decoded; expected a whole clip")
    chosen = (
        [round(i * (len(kept) - 1) / max(wanted - 1, 1)) for i in range(wanted)]
        if len(kept) > wanted
        else range(len(kept))
    )
    shape = [len(chosen), said["height"], said["width"], 3]
    return {"shape": shape, "seconds": seconds}, b"".join(kept[i][1] for i in chosen)


def _checked(clip: Any, stream: Any, said: Said) -> float:
    """How long the clip is, once its header is known to keep the limits."""
    context = stream.codec_context
    if context.name not in CODECS:
        raise Refused(f"is coded as {context.name}; expected one of {', '.join(sorted(CODECS))}")
    if context.width * context.height > said["most_pixels"]:
        raise Refused(
            f"has frames of {context.width:,} by {context.height:,} pixels; expected at most {said['most_pixels']:,}"
        )
    seconds = 0.0
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif clip.duration is not None:
        seconds = clip.duration / 1e6
    if seconds > said["most_seconds"]:
        raise Refused(f"is {seconds:,.0f} s long; expected at most {said['most_seconds']:,} s")
    if stream.frames > said["most_frames"]:
        raise Refused(f"has {stream.frames:,} frames; expected at most {said['most_frames']:,}")
    return max(seconds, 0.04)
