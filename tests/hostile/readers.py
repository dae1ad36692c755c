"""Every reader of files of others: how a good file of it is made, and how it is read."""

import pickle
import pathlib


def read_pickle(path):
    """Read a pickle by itself."""
    from kerasfuse.datasets.formats.restricted_pickle import read_pickle

    read_pickle(pathlib.Path(path))
