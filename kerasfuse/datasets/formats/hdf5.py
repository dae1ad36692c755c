"""HDF5 files, opened for reading."""

from kerasfuse.datasets.conversion import source_files


def open_hdf5(path):
    """Open an HDF5 file.

    Args:
        path: the file.

    Returns:
        `h5py.File`.

    Raises:
        OSError: for a file that another program has locked, or that may not be read.
        ValueError: for a file that is no HDF5 or breaks off.
    """
    import h5py

    try:
        return h5py.File(path, "r")
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
