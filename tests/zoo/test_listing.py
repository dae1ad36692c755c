"""Entries are listed, filtered and shown as a table."""

import pytest
import tiny_zoo

from kerasfuse import zoo


@pytest.fixture
def path(monkeypatch, tmp_path):
    return tiny_zoo.use(monkeypatch, tmp_path / "zoo")


def test_entries_print_as_a_table(path):
    listed = zoo.entries()
    assert [entry.name for entry in listed] == [tiny_zoo.NAME]
    header, row = repr(listed).splitlines()
    assert header.split()[:3] == ["name", "data", "parameters"]
    assert row.split()[:4] == [tiny_zoo.NAME, "simulated", "(like", "mosi)"]
    assert row.endswith("none yet  simulated data: no terms beyond those of the code")
    assert listed.markdown().splitlines()[2].startswith("| `tiny_simulated` | simulated")


def test_entries_take_a_pattern(path):
    assert len(zoo.entries("tiny_*")) == 1
    assert zoo.entries("mica_*") == []
    assert repr(zoo.entries("mica_*")).startswith("name")


# Filters, over the entries of the project.


def every(**filters):
    return list(zoo.entries(**filters))


def test_by_model():
    found = every(model="mica")
    assert found and {entry.model_class for entry in found} == {"MICA"}
    with pytest.raises(ValueError, match="model='MICCA'. Nearest: MICA"):
        zoo.entries(model="MICCA")


def test_by_data():
    found = every(data="ravdess")
    assert {entry.name for entry in found} == {n for n in zoo.names() if n.endswith("_ravdess")}
    with pytest.raises(ValueError, match="data='ravdes'. Nearest: ravdess"):
        zoo.entries(data="ravdes")


def test_by_size():
    sizes = {entry.name: entry.parameters for entry in zoo.entries()}
    limit = sorted(sizes.values())[len(sizes) // 2]
    found = {entry.name for entry in zoo.entries(max_parameters=limit)}
    assert found == {name for name, size in sizes.items() if size <= limit}


def test_a_model_that_nobody_counted_is_not_said_to_be_small(path):
    assert zoo.entry(tiny_zoo.NAME).parameters is None
    assert every(max_parameters=10**12) == []


def test_by_licence():
    found = every(license="cc by")
    assert {"mica_ravdess", "agm_late_av_mnist"} <= {entry.name for entry in found}
    assert all("CC BY" in entry.weights.license for entry in found)


def test_by_what_made_the_weights():
    kinds = {kind: {e.name for e in zoo.entries(weights=kind)} for kind in ("real", "simulated")}
    assert "mica_ravdess" in kinds["real"] and "mica_mosei" in kinds["simulated"]
    assert all(not entry.weights.file for entry in zoo.entries(weights="none"))
    assert sum(len(every(weights=kind)) for kind in ("real", "simulated", "none")) == len(every())
    with pytest.raises(ValueError, match="weights='fake'"):
        zoo.entries(weights="fake")


def test_commercial_hides_what_the_terms_of_the_data_forbid():
    allowed = {entry.name for entry in zoo.entries(commercial=True)}
    data = {entry.data_name for entry in zoo.entries() if entry.name not in allowed}
    assert {"mica_simulated", "agm_late_av_mnist"} <= allowed
    assert {"ravdess", "mosi_utterance", "mosi", "mosei", "iemocap"} <= data


def test_entries_on_the_same_data_have_the_same_terms():
    terms = {}
    for entry in zoo.entries():
        said = (entry.weights.license, entry.weights.commercial)
        assert terms.setdefault(entry.data_name, said) == said


def test_filters_are_joined():
    found = every(pattern="*_ravdess", model="MICA", weights="real")
    assert [entry.name for entry in found] == ["mica_ravdess"]
