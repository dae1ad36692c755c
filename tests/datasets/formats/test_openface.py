"""Tables of OpenFace, written here in the ways that circulate, and odd ones if present."""

import codecs

import numpy as np
import pytest

from kerasfuse.datasets.formats import openface

INTENSITIES, PRESENCES = openface.UNITS[:17], openface.UNITS[17:]


def values(frames=5, units=35, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 5, (frames, units)).round(2)


def write(path, x, units=openface.UNITS, separator=", ", **columns):
    """Write a table with more columns in front; their values are lists, one a row."""
    lines = [separator.join([*columns, *units])]
    for i, row in enumerate(x.tolist()):
        more = [column[i] for column in columns.values()]
        lines.append(separator.join(map(str, [*more, *row])))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("separator", [", ", ",", ";"])
def test_columns_are_identified_by_their_names(tmp_path, separator):
    x = values()
    order = np.random.default_rng(1).permutation(35)
    path = write(
        tmp_path / "a.csv",
        x[:, order],
        [openface.UNITS[i] for i in order],
        separator,
        frame=range(1, 6),
        gaze_0_x=[9] * 5,
        success=[1, 1, 0, 1, 1],
    )
    x[2] = 0
    got, notes = openface.read_units(path)
    assert got.dtype == "float32" and notes == {}
    np.testing.assert_array_equal(got, x.astype("float32"))


def test_the_face_with_the_most_confident_frames_is_read(tmp_path):
    # Face 1 is there for all frames but confident in two; face 3 is missing from frame 2.
    x = values(9)
    path = write(
        tmp_path / "a.csv",
        x,
        frame=[1, 1, 2, 3, 3, 4, 4, 5, 5],
        face_id=[1, 3, 1, 1, 3, 3, 1, 1, 3],
        confidence=[0.9, 0.8, 0.9, 0.2, 0.9, 0.9, 0.2, 0.2, 0.1],
        success=[1, 1, 1, 1, 1, 1, 1, 1, 0],
    )
    got, notes = openface.read_units(path)
    np.testing.assert_array_equal(got[[0, 2, 3]], x[[1, 4, 5]].astype("float32"))
    assert got.shape == (5, 35) and not got[[1, 4]].any()
    assert notes == {
        openface.SEVERAL_FACES: f"{path} (face 3 of 2 faces, confident in 3 of 5 frames)"
    }


def test_a_frame_twice_without_a_number_of_the_face_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", values(4), frame=[1, 1, 2, 2])
    with pytest.raises(ValueError, match="one row a frame.*a.csv' with frame 1 .*line 3"):
        openface.read_units(path)


NOT_FINITE = (
    *("nan", "NaN", "-nan", "nan(ind)", "-nan(ind)", "nan(snan)", "nan(0x8000)", "inf", "-inf"),
    *("infinity", "1.#IND", "-1.#IND00", "1.#QNAN", "1.#SNAN0", "1.#INF", "-1.#INF00", "1.#J"),
)


@pytest.mark.parametrize("spelling", NOT_FINITE)
def test_values_that_are_not_finite_in_any_spelling(tmp_path, spelling):
    x = values(2).astype(object)
    x[1, 4] = spelling
    got, _ = openface.read_units(write(tmp_path / "a.csv", x))
    assert (np.argwhere(~np.isfinite(got)) == [[1, 4]]).all() and not np.isfinite(got[1, 4])


@pytest.mark.parametrize("cell", ["", "x", "nan(", "1.#", "0,5 "])
def test_other_cells_are_refused(tmp_path, cell):
    x = values(2).astype(object)
    x[1, 4] = cell
    path = write(tmp_path / "a.csv", x, separator=";")
    with pytest.raises(ValueError, match="35 numbers in line 3 of .*a.csv. Received: could not"):
        openface.read_units(path)


def test_blank_lines_do_not_count(tmp_path):
    path = write(tmp_path / "a.csv", values())
    wanted, _ = openface.read_units(path)
    head, first, *rows = path.read_text().splitlines()
    path.write_text("\n".join(["", head, "  ", first, "", *rows, " ", ""]))
    np.testing.assert_array_equal(openface.read_units(path)[0], wanted)
    # Lines are still counted as an editor shows them.
    path.write_text("\n".join([head, "", "1,2"]))
    with pytest.raises(ValueError, match="35 numbers in line 3 .*a.csv. Received: 2 cells"):
        openface.read_units(path)


def test_encodings(tmp_path):
    path = write(tmp_path / "a.csv", values())
    wanted, _ = openface.read_units(path)
    text = path.read_text()
    for data in (
        text.encode("utf-8-sig"),
        text.replace("\n", "\r\n").encode("utf-16"),
        codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    ):
        path.write_bytes(data)
        np.testing.assert_array_equal(openface.read_units(path)[0], wanted)
    for data, message in (
        (text.replace("AU01_r", "AU01_r, \xe4").encode("cp1252"), "UTF-8.*a.csv'.*line 1"),
        (text.encode("utf-16-le"), "35 action units.*a.csv'"),
        (codecs.BOM_UTF16_LE + text.encode("utf-16-le")[:-1], "UTF-8.*a.csv'"),
    ):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            openface.read_units(path)


@pytest.mark.parametrize("units", [INTENSITIES, PRESENCES])
def test_intensities_or_presences_alone(tmp_path, units):
    x = values(units=len(units))
    path = write(tmp_path / "a.csv", x, units)
    assert openface.units_of(path) == units
    np.testing.assert_array_equal(openface.read_units(path, units)[0], x.astype("float32"))
    with pytest.raises(ValueError, match=f"with 35 action units.*a.csv' with {len(units)}"):
        openface.read_units(path, openface.UNITS)


@pytest.mark.parametrize("units", [[], INTENSITIES[1:], [*INTENSITIES, *PRESENCES[:-1]]])
def test_a_part_of_the_units_is_refused(tmp_path, units):
    path = write(tmp_path / "a.csv", values(units=len(units)), units, frame=range(5))
    with pytest.raises(ValueError, match="35 action units.*a.csv' without AU"):
        openface.read_units(path)


def test_a_file_without_lines_is_refused(tmp_path):
    for text in ("", "\n\n"):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(ValueError, match="35 action units.*a.csv' without AU01_r"):
            openface.read_units(tmp_path / "a.csv")


def test_the_odd_files(shared_data):
    folder = shared_data.parent / "odd_inputs"
    if not folder.is_dir():
        pytest.skip(f"no odd files at {folder}")
    x, notes = openface.read_units(folder / "openface_two_faces.csv")
    assert x.shape == (5, 35) and "face 0 of 2 faces" in notes[openface.SEVERAL_FACES]
    assert x.max() < 1  # the values of the other face are around 3.5
    x, _ = openface.read_units(folder / "openface_nan_ind.csv")
    assert x.shape == (5, 35) and np.isnan(x[2]).any() and np.isfinite(x[[0, 1, 3, 4]]).all()
    assert openface.units_of(folder / "openface_intensities_only.csv") == INTENSITIES
