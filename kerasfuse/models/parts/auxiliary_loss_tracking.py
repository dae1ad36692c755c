"""AuxiliaryLossTracking: named auxiliary losses in the progress bar and in `History`."""

import contextlib

import keras
from keras import ops, tree

from kerasfuse.layers import AuxiliaryLoss, SupervisedAuxiliaryLoss


class AuxiliaryLossTracking:
    """Let a `keras.Model` show the losses of its `AuxiliaryLoss` layers under their names.

    Each name has one metric: the mean over the layers of that name, without its weight. Layers
    remember their values themselves, so that losses which other layers add change nothing here.
    Auxiliary losses exist in training only and leave no `val_` entry behind.

    A base class beside `keras.Model`. The model calls `_track_auxiliary_losses` when its layers
    are there, and `_update_auxiliary_losses` in `compute_loss`.
    """

    def _track_auxiliary_losses(self):
        self._auxiliary = [x for x in self._flatten_layers() if isinstance(x, AuxiliaryLoss)]
        names = dict.fromkeys(layer.loss_name for layer in self._auxiliary)
        self.auxiliary_trackers = [keras.metrics.Mean(name=name) for name in names]
        self._evaluating = False

    def _update_auxiliary_losses(self, x, y):
        """Record the auxiliary losses of a training step; return the sum of those of labels.

        Args:
            x: inputs of the step; their entry `sample_number`, where there is one, says which
                training samples they are.
            y: its labels.
        """
        from_labels = 0.0
        numbers = x.get("sample_number") if isinstance(x, dict) else None
        # `train_on_batch` hands over what it was given.
        y = tree.map_structure(ops.convert_to_tensor, y)
        values = {tracker.name: [] for tracker in self.auxiliary_trackers}
        for layer in self._auxiliary:
            if not isinstance(layer, SupervisedAuxiliaryLoss):
                value = layer.take_value()
            elif layer.awaits_labels:
                layer.learn_task(self.loss)
                value = layer.label_loss(y, numbers)
                from_labels = from_labels + layer.weight * value
            else:
                value = None
            if value is not None:
                values[layer.loss_name].append(ops.cast(value, "float32"))
        for tracker in self.auxiliary_trackers:
            if values[tracker.name]:
                tracker.update_state(ops.mean(ops.stack(values[tracker.name])))
        return from_labels

    def get_metrics_result(self):
        results = super().get_metrics_result()
        if self._evaluating:
            for tracker in self.auxiliary_trackers:
                results.pop(tracker.name, None)
        return results

    def evaluate(self, *args, **kwargs):
        with self._without_auxiliary_losses():
            return super().evaluate(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        with self._without_auxiliary_losses():
            return super().test_on_batch(*args, **kwargs)

    @contextlib.contextmanager
    def _without_auxiliary_losses(self):
        # They are not computed outside training, and their means would read 0.
        self._evaluating = True
        try:
            yield
        finally:
            self._evaluating = False
