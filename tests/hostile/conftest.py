"""One sandbox, and good files of every reader, for all tests of hostile files."""

import pytest

pytest.importorskip("resource", reason="limits of memory are for POSIX")

from hostile import campaign  # noqa: E402
from hostile.sandbox import Sandbox  # noqa: E402

from kerasfuse.zoo import catalogue  # noqa: E402


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
