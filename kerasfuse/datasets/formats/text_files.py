"""Text files, in the encodings that programs save them in, and the tables in them."""

import codecs
import csv
import io

from kerasfuse.datasets.conversion import source_files

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_rows(path):
    """Read a table whose cells are between commas.

    Args:
        path: the file.

    Returns:
        List of rows, lists of cells.

    Raises:
        ValueError: for a cell of more than 131,072 characters, and what `read_text` raises.
    """
    return split_rows(read_text(path), path)


def split_rows(text, path, delimiter=","):
    """Split a text into rows of cells, see `read_rows`."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return list(reader)
    except csv.Error as error:
        raise ValueError(
            f"expected a table. Received: {str(path)!r} ({error}, in line {reader.line_num}). Is a "
            "quotation mark missing there?"
        ) from error


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
    source_files.check_kind(path)
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
