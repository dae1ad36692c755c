"""One sandbox, and good files of every reader, for all tests of hostile files."""

import sys

import pytest
from hostile import campaign
from hostile.sandbox import Sandbox

from kerasfuse.zoo import catalogue

# Limits of memory, as they are set here, hold on Linux.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture(scope="session")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """A folder with good files of every reader."""
    folder = tmp_path_factory.mktemp("good")
    with pytest.MonkeyPatch.context() as patch:
        # What writes them uses a small zoo; the zoo of the tests that follow is the real one.
        patch.setattr(catalogue, "FOLDER", catalogue.FOLDER)
        campaign.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def good_others(tmp_path_factory):
    """Folders that command lines and conversations with a server start from, and kills."""
    folder = tmp_path_factory.mktemp("good_others")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "FOLDER", catalogue.FOLDER)
        campaign.prepare_others(folder)
    return folder
