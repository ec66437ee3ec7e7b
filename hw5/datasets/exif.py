"""A test of EXIF data, which hold the orientation of a photo, before Pillow reads them.

Its versions before 12.3 read every entry of a directory, also where all share the same bytes: a picture of a megabyte
could take 60 GB. The entries of an honest directory have no more bytes than there are.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # by type, in bytes
_PROFILE = "Raw profile type exif"  # a text of a PNG, by ImageMagick: three lines, and the data in hexadecimal


def require_sound_jpeg(stream: BinaryIO) -> None:
    """Raise ValueError if a directory of a JPEG is not honest; Pillow reads them as soon as it opens the file."""
    if stream.read(2) == b"\xff\xd8":
        exif = b""
        for marker, segment in _segments(stream):
            if marker == 0xFFE1 and segment.startswith(b"Exif\0\0"):
                exif += segment[6:]
            elif marker == 0xFFE2 and segment.startswith(b"MPF\0"):  # an index of several pictures
                _require_sound(segment[4:])
        _require_sound(exif)
    stream.seek(0)


def require_sound_png(info: dict) -> None:
    """Raise ValueError if the EXIF data that Pillow has found in a PNG are not honest."""
    _require_sound(info.get("exif", b""))
    _require_sound(bytes.fromhex("".join(info.get(_PROFILE, "").split("\n")[3:])))


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The segments before the first scan, found as Pillow finds them, so that none is overlooked."""
    from PIL.JpegImagePlugin import MARKER

    while byte := stream.read(1):
        if byte != b"\xff":
            continue
        while (byte := stream.read(1)) == b"\xff":
            pass
        marker = int.from_bytes(b"\xff" + byte, "big")
        if marker == 0xFFDA:
            return
        if MARKER.get(marker, ("", "", None))[2]:  # has a length, and content
            length = int.from_bytes(stream.read(2), "big")
            yield marker, stream.read(max(length - 2, 0))


def _require_sound(exif: bytes) -> None:
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    order = "<" if exif.startswith(b"II") else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
    except struct.error:  # there is no directory
        return
    entries = exif[start + 2 : start + 2 + 12 * count]
    whole = entries[: len(entries) // 12 * 12]
    declared = sum(_SIZES.get(kind, 0) * n for _, kind, n in struct.iter_unpack(f"{order}HHI4x", whole))
    if declared > len(exif) or 43 in exif[2:4]:  # 43 is for files of more than 4 GB
        raise ValueError("EXIF entries share their bytes")
