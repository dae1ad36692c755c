"""Text files, in the encodings that programs save them in."""

import codecs

from kerasfuse.datasets.conversion import source_files

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path):
    """Read a text file in UTF-8, or in UTF-16 with a byte order mark.

    Args:
        path: the file.

    Returns:
        The text, without a byte order mark; line endings are those of the file.

    Raises:
        ValueError: for other encodings, and for a web page or a Git LFS pointer, with the file's
            name.
    """
    source_files.check_content(path)
    with open(path, "rb") as file:
        data = file.read()
    encoding = next((e for mark, e in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"expected a text file in UTF-8. Received: {str(path)!r}, which has another encoding: "
            f"{error.reason} at byte {error.start}, line {line}. Save it again in UTF-8; in Excel "
            'as "CSV UTF-8".'
        ) from error
