"""Keep what the tests prepare out of the user's own TensorFlow Datasets folder."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def prepared_data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        yield
