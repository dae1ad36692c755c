"""How much sound the header of a wav file promises."""

import pathlib
import struct

_BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
# Programs that write into a pipe cannot know the size: ffmpeg writes the last number, sox and
# others about half of it.
_UNKNOWN_FROM = 0x7FFF0000


def promised_and_present(path):
    """Compare the bytes of sound that the header of a wav file promises with those that follow.

    Decoders do not: of a file that breaks off they give what is there, as if it were all.

    Args:
        path: the file.

    Returns:
        `(promised, present)` in bytes, or `None` where no header tells: other formats, and wav
        files that a program wrote without knowing how long they would become.
    """
    size = pathlib.Path(path).stat().st_size
    with open(path, "rb") as file:
        start = file.read(12)
        order = _BYTE_ORDERS.get(start[:4])
        if order is None or start[8:] != b"WAVE":
            return None
        long_size = None
        while len(head := file.read(8)) == 8:
            name, length = struct.unpack(f"{order}4sI", head)
            if name == b"ds64":  # sizes of 64 bits: of the file, then of the sound
                body = file.read(length)
                if len(body) >= 16:
                    long_size = struct.unpack(f"{order}8xQ", body[:16])[0]
                continue
            if name == b"data":
                if length == 0xFFFFFFFF and long_size is not None:
                    length = long_size
                elif length >= _UNKNOWN_FROM and size < length:
                    return None
                return length, size - file.tell()
            file.seek(length + length % 2, 1)
    return None
