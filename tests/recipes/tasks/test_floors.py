"""The linear floor of a comparison: closed forms and scikit-learn, chosen on validation."""

import numpy as np
import own_files
import pytest
from sklearn.linear_model import Ridge

from kerasfuse import datasets, recipes
from kerasfuse.recipes.tasks import floors
from kerasfuse.recipes.tasks.starting import starting_entry

pytestmark = pytest.mark.filterwarnings(
    "ignore::kerasfuse.recipes.tasks.checks.DataWarning",
    "ignore::kerasfuse.zoo.WeightTermsWarning",
)


@pytest.fixture(autouse=True)
def own_records(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.delenv("KERASFUSE_DATA", raising=False)


def test_averages_are_of_real_steps():
    x = np.zeros((3, 4, 2))
    x[0, :2], x[1, 1:3] = [[1, 2], [3, 4]], [[5, 0], [7, 0]]
    image = np.arange(12.0).reshape(3, 2, 2, 1) + 1
    batches = datasets.Batches({"x": x, "image": image}, batch_size=2)
    wanted = np.array([[2, 3], [6, 0], [0, 0]])
    np.testing.assert_allclose(
        floors.averaged(batches), np.concatenate([wanted, image.reshape(3, 4)], axis=1)
    )


def test_ridge_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 2)) + 7
    x -= x.mean(axis=0)
    new = rng.normal(size=(4, 5))
    found = list(floors._ridges(x, y, None))
    for (predict, size), penalty in zip(found, floors._RIDGE, strict=True):
        wanted = Ridge(alpha=penalty).fit(x, y).predict(new)
        np.testing.assert_allclose(predict(new), wanted, rtol=1e-6)
        assert size == 12


@pytest.mark.parametrize("kind", own_files.KINDS)
def test_every_task_has_one(tmp_path, kind):
    data = own_files.write(tmp_path, kind, count=100)
    entry = starting_entry("LMF", data).entry
    # One of the labels is none of the features': F1 above that of "everything" is luck.
    metric = "mean_ap" if kind == "multilabel" else entry.recipe.score
    found = recipes.floor(entry, metric, data)
    # The mean of a feature decides the label.
    ridge = kind in ("number", "numbers")
    assert found.name == f"{'ridge' if ridge else 'logistic'} regression on averages"
    if ridge:
        y = datasets.load("own", "test", data_dir=data).labels
        assert found.score < 0.6 * np.abs(y - y.mean(axis=0)).mean()
    else:
        train, test = (
            datasets.load("own", split, data_dir=data, **entry.data_args).labels
            for split in ("train", "test")
        )
        assert found.score > recipes.constant_scores(entry.recipe, train, test)[metric]


def test_a_class_that_training_lacks_is_never_predicted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    predict, _ = floors._classes(x, np.repeat([0, 2], 10), 1.0, 4)
    assert set(predict(x).argmax(axis=1)) <= {0, 2}


def test_a_comparison_says_who_is_above_it(tmp_path):
    data = own_files.write(tmp_path / "data", "number")
    found = recipes.compare(
        ["LMF", "LFLSTM"],
        tmp_path / "runs",
        data=data,
        seeds=[1],
        overrides={"epochs": 1, "dim": 4},
        verbose=0,
    )
    assert [row.name for row in found.rows] != [] and found.floor.score > 0
    assert found.table()[-1][0] == "ridge regression on averages"
    assert len({len(row) for row in found.table()}) == 1
    above = found.above_floor()
    said = f"above it: {', '.join(above)}." if above else "no model here is above it"
    assert said in found.caption() or len(above) == 2
    assert "ridge regression on averages" in found.markdown()
    # Trained once: the same again reads the folders.
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {
        "lmf_samples",
        "lflstm_samples",
    }
    # A finished run is a name, too.
    with pytest.raises(ValueError, match="two or more"):
        recipes.compare(["LMF"], data=data)
