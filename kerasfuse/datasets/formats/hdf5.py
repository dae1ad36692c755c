"""HDF5 files of data sets, opened for reading."""

from kerasfuse import plain_hdf5
from kerasfuse.datasets.conversion import source_files
from kerasfuse.plain_hdf5 import NUMBERS, TEXTS, dataset, read, read_part

__all__ = ["NUMBERS", "TEXTS", "dataset", "open_hdf5", "read", "read_part"]


def open_hdf5(path):
    """Open an HDF5 file of which every object lies in the file itself.

    Args:
        path: the file.

    Returns:
        `h5py.File`. Read from it with `dataset`, `read` and `read_part`, which look at what a
        dataset declares before they read it.

    Raises:
        OSError: for a file that another program has locked, or that may not be read.
        ValueError: for a file that is no HDF5 or breaks off, and for one that takes its data from
            elsewhere.
    """
    try:
        return plain_hdf5.open_file(path)
    except OSError as error:
        if isinstance(error, BlockingIOError) or "unable to lock file" in str(error):
            raise OSError(
                f"expected a file that no other program writes. Received: {str(path)!r}, which is "
                f"locked ({error}). Close the program that has it open. On a file system without "
                "locks, set the environment variable HDF5_USE_FILE_LOCKING=FALSE."
            ) from error
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        source_files.check_content(path)
        raise ValueError(
            f"expected a {path.suffix} file (HDF5). Received: {str(path)!r}, which is none or "
            f"breaks off ({error}). Download it again."
        ) from error
