"""One sandbox for all tests of hostile files."""

import pytest

pytest.importorskip("resource", reason="limits of memory are for POSIX")

from hostile.sandbox import Sandbox  # noqa: E402


@pytest.fixture(scope="session")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox
