"""The files of numpy, `.npy` and `.npz`, with plain arrays only."""

import pathlib
import zipfile

import numpy as np

# Bytes that an archive may become: a few in any case, else so many times its own.
_MOST_BYTES = 2**26
_BYTES_A_STORED_BYTE = 100


def load_array(path, mmap_mode=None):
    """Load the array of a `.npy` file.

    Args:
        path: the file.
        mmap_mode: as in `numpy.load`.

    Raises:
        ValueError: for whatever else the file holds, as a few words on what that is.
    """
    if mmap_mode:
        loaded = guarded(np.load, path, mmap_mode=mmap_mode, allow_pickle=False)
    else:
        # numpy leaves a file that it opened itself open when the content is no archive.
        with open(path, "rb") as file:
            loaded = guarded(np.load, file, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    loaded.close()
    raise ValueError("an archive of arrays")


def load_arrays(path):
    """Load the arrays of a `.npz` file, by name.

    Raises:
        ValueError: for whatever else the file holds, as a few words on what that is.
    """
    with open(path, "rb") as file:
        loaded = guarded(np.load, file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise ValueError("it holds one array without a name")
        check_size(path, loaded.zip)
        arrays = {name: guarded(loaded.__getitem__, name) for name in loaded.files}
    if other := [name for name, x in arrays.items() if not isinstance(x, np.ndarray)]:
        raise ValueError(f"{other[0]!r} is no array")
    return arrays


def check_size(path, archive):
    """Refuse an archive that becomes far more than its own size.

    Args:
        path: the file.
        archive: `zipfile.ZipFile` of it.

    Raises:
        ValueError: with both sizes.
    """
    size = pathlib.Path(path).stat().st_size
    declared = sum(part.file_size for part in archive.infolist())
    if declared > _MOST_BYTES + _BYTES_A_STORED_BYTE * size:
        raise ValueError(f"{size:,} bytes that become {declared:,}")


def guarded(read, *arguments, **options):
    """Call a function that reads a file of numpy; what it raises becomes a few words.

    Raises:
        ValueError: in place of all but a file that is not there.
    """
    try:
        return read(*arguments, **options)
    except FileNotFoundError:
        raise
    except MemoryError:
        raise ValueError("it declares more than fits into memory") from None
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # numpy parses the header as Python, with Python's errors
        # It takes whatever it does not know for a pickle, and advises to load it unsafely.
        told = "no array of numbers" if "pickle" in str(error) else "a damaged header"
        told = str(error) if "Failed to read all data" in str(error) else told
        raise ValueError(told) from error
