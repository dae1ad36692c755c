"""Where data are: a data set by its name, or a path of one's own."""

import pathlib

from kerasfuse import datasets
from kerasfuse.nearest_names import nearest


def data_place(data, data_dir=None):
    """Return the name of a data set and where it lies.

    Args:
        data: name of a data set, or the path of one's own.
        data_dir: folder of a named one.

    Raises:
        ValueError: for what is neither, and for two places.
    """
    if isinstance(data, str) and data in datasets.names():
        return data, data_dir
    path = pathlib.Path(data)
    if not path.exists():
        raise ValueError(
            "expected data to be the path of a table, a folder or a .npz file, or the name of a "
            f"data set. Received: data={str(data)!r}, which is not there. "
            f"{nearest(str(data), datasets.names())}"
        )
    if data_dir is not None:
        raise ValueError(
            f"expected data_dir beside the name of a data set. Received: data={str(data)!r}, a "
            f"path, and data_dir={str(data_dir)!r}. Leave data_dir out."
        )
    return "own", str(path)
