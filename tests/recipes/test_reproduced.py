"""An entry's weights give its recorded row, on any backend."""

import keras
import pytest

from kerasfuse import recipes, zoo
from kerasfuse.metrics.conventions import format_value


def written(scores):
    return {metric: format_value(metric, value) for metric, value in scores.items()}


@pytest.mark.filterwarnings("ignore::kerasfuse.zoo.SimulatedWeightsWarning")
def test_evaluate_gives_the_recorded_row():
    entry = zoo.entry("mica_simulated")
    scores, constant = recipes.evaluate("mica_simulated")
    recorded = entry.results["shipped"]["test"]
    if keras.config.backend() == entry.results["backend"]:
        assert written(scores) == written(recorded)
    # Of 256 samples one may fall on the other side of a threshold on another backend.
    for metric in ("acc7", "acc5", "acc3", "acc2_has0", "acc2_non0"):
        assert abs(scores[metric] - recorded[metric]) * 256 <= 1 + 1e-3
    assert scores["mae"] == pytest.approx(recorded["mae"], abs=1e-4)
    for metric, value in constant.items():
        assert value == pytest.approx(entry.results["test"][metric]["baseline"], abs=1e-5)
