"""What the callback records is what the analysis finds, epoch by epoch."""

import keras
import pytest

from kerasfuse import models
from kerasfuse.analysis import attention_statistics
from kerasfuse.datasets import load
from kerasfuse.training.callbacks import AttentionHistory

torch_only = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="compiles for long and differs nowhere"
)


@torch_only
def test_every_epoch_is_recorded():
    train = load("simulated", num_samples=16, batch_size=8)
    fixed = load("simulated", "validation", num_samples=4)[0][0]
    model = models.MICA(train.modalities, dim=4, num_heads=2, num_layers=1)
    model.compile(keras.optimizers.Adam(0.05), "mae")
    before = attention_statistics(model, fixed)
    recorder = AttentionHistory(fixed)
    history = model.fit(train, epochs=2, verbose=0, callbacks=[recorder]).history
    assert len(recorder.epochs) == 2 and recorder.epochs[0].keys() == before.keys()
    after = attention_statistics(model, fixed)
    names = {
        "attention_entropy": "entropy",
        "attention_peak": "peak",
        "query_norm": "query_norm",
        "key_norm": "key_norm",
    }
    for logged, name in names.items():
        assert history[logged] == [found.mean[name] for found in recorder.epochs]
        assert history[logged][-1] == pytest.approx(after.mean[name], rel=1e-5)
        assert history[logged][-1] != pytest.approx(before.mean[name], rel=1e-5)


def test_a_model_without_attention_is_refused_when_training_starts():
    train = load("simulated", num_samples=4)
    model = models.LFLSTM(train.modalities, dim=2, hidden_units=[])
    model.compile("sgd", "mae")
    with pytest.raises(ValueError, match="expected crossmodal attention"):
        model.fit(train, verbose=0, callbacks=[AttentionHistory(train)])
