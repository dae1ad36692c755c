"""MICA's parameter counts by the default reading and the paper's Table 1."""

import pytest

from kerasfuse.models import MICA

MOSEI = {"text": 300, "audio": 74, "vision": 35}


@pytest.mark.parametrize(
    "widths, options, count",
    [
        ({"text": 300, "audio": 5, "vision": 20}, {"num_heads": 8, "num_layers": 4}, 758_521),
        (MOSEI, {"num_heads": 10, "num_layers": 6}, 1_024_681),
        (
            MOSEI,
            {
                "num_layers": 4,
                "num_outputs": 8,
                "kernel_sizes": {"text": 3, "vision": 3, "audio": 5},
            },
            775_368,
        ),
    ],
    ids=["mosi", "mosei", "iemocap"],
)
def test_parameters_by_table_1(widths, options, count):
    assert MICA(widths, dim=40, **options).count_params() == count
