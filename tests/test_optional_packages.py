"""Optional packages: the message for a missing one is not that for a broken one."""

import sys

import pytest

from kerasfuse.optional_packages import require


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package that fails to import, and give its name."""

    def write(name, code):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def test_a_missing_package():
    with pytest.raises(ImportError, match="no-such, for tests. .* without it. Install it: .*data"):
        require("no_such_package", "tests", "data", package="no-such")
    with pytest.raises(ImportError, match="no_such_package, for tests. .* without it"):
        require("no_such_package.part", "tests", "data")


@pytest.mark.parametrize(
    ("name", "code", "cause"),
    [
        ("lacks_yaml", "import yaml_is_not_here", "ModuleNotFoundError: No module .*yaml_is_not"),
        ("lacks_name", "from os import no_such", "ImportError: cannot import name 'no_such'"),
        ("lacks_library", "raise OSError('sndfile library not found')", "OSError: sndfile library"),
    ],
)
def test_an_installed_package_that_fails_to_import(package, name, code, cause):
    with pytest.raises(ImportError, match=f"Received: an installed one that fails .*{cause}"):
        require(package(name, code), "tests", "data")


def test_a_missing_part_of_an_installed_package(package):
    name = package("has_no_parts", "")
    with pytest.raises(ImportError, match="an installed one.*has_no_parts.parquet"):
        require(f"{name}.parquet", "tests", "data")


def test_a_module_that_is_there():
    assert require("os.path", "tests", "data") is sys.modules["os.path"]


def test_text_encoders_pass_the_cause_on(package):
    from kerasfuse.models.parts.text_encoder import make_text_encoder

    package("keras_hub", "import yaml_is_not_here")
    with pytest.raises(ImportError, match=r"keras-hub, for .*yaml_is_not_here.*zoo\[text\]"):
        make_text_encoder({"class": "BertBackbone"})
