"""Which way a metric is better, and how its value is written, by its name."""

import numpy as np
import pytest

from kerasfuse.metrics import conventions


@pytest.mark.parametrize(
    ("name", "lower", "text"),
    [
        ("mae", True, "0.257"),
        ("val_mae", True, "0.257"),
        ("loss", True, "0.257"),
        ("val_loss", True, "0.257"),
        ("corr", False, "0.257"),
        ("strength_audio", False, "0.257"),
        ("acc7", False, "25.7"),
        ("acc2_non0", False, "25.7"),
        ("happy_f1", False, "25.7"),
        ("val_accuracy", False, "25.7"),
    ],
)
def test_a_name_says_the_direction_and_the_unit(name, lower, text):
    assert conventions.lower_is_better(name) is lower
    assert conventions.mode(name) == ("min" if lower else "max")
    assert conventions.format_value(name, 0.2568) == text


def test_a_share_in_float32_is_written_as_the_record_of_it():
    share = np.float32(93 / 240)
    written = conventions.format_value("accuracy", share)
    assert written == conventions.format_value("accuracy", round(float(share), 6)) == "38.8"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_number_is_written_as_a_dash(value):
    assert conventions.format_value("mae", value) == "-"
