"""Debian's Chromium, without a window."""

import shutil

import pytest


def command(profile, *options):
    """Return the start of a command that opens an address, or skip where there is no Chromium."""
    program = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)
    if program is None:
        pytest.skip("no Chromium on the PATH: install Debian's package chromium to run this test")
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    return [program, *quiet, "--hide-scrollbars", f"--user-data-dir={profile}", *options]
