"""FusionModel: what every model of the library shares."""

import contextlib
import difflib

import keras
from keras import ops


class FusionModel(keras.Model):
    """A functional model over named modalities, with named auxiliary losses and intermediates.

    Subclasses build a functional graph and hand it to `super().__init__(inputs, outputs)`; then
    they call `_offer_intermediates`. What they get:

    - Losses that layers add under a `loss_name` (`MMDRegularizer`, `PropagatedAlignment`) show
      under that name in the progress bar and in `History`: the mean over the layers of one name,
      without its weight. They exist in training only and leave no `val_` entry behind.
    - `intermediates` lists what the model can show of its inner life, and `extract` shows it.
    - A wrong set of modalities, or a wrong width, is told in one sentence.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        layers = [x for x in self._flatten_layers() if hasattr(x, "loss_name")]
        names = dict.fromkeys(layer.loss_name for layer in layers)
        self.auxiliary_trackers = [keras.metrics.Mean(name=name) for name in names]
        self._evaluating = False
        self._offered = {}

    @property
    def intermediates(self):
        """Names of what `extract` can return."""
        return list(self._offered)

    def extract(self, *names):
        """Return a model from the same inputs to the named intermediates, sharing all weights.

        Args:
            *names: some of `self.intermediates`.

        Returns:
            A `keras.Model` that returns a dict of name to array.

        Raises:
            ValueError: for a name that the model does not have; the nearest ones are offered.

        Example:

        >>> model.extract("attention/3/audio_to_text").predict(batch)
        """
        outputs = {}
        for name in names:
            if name not in self._offered:
                near = difflib.get_close_matches(name, self._offered, n=3) or self.intermediates[:3]
                raise ValueError(
                    f"expected a name of `model.intermediates`, such as {', '.join(near)}. "
                    f"Received: {name!r}"
                )
            outputs[name] = self._offered[name]()
        return keras.Model(self.input, outputs, name=f"{self.name}_intermediates")

    def _offer_intermediates(self, offered):
        """Register functions without arguments that return symbolic tensors, by name."""
        self._offered = dict(offered)

    def __call__(self, inputs, *args, **kwargs):
        # Before Keras looks at them: its own words differ between backends.
        self._check_modalities(inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _check_modalities(self, inputs):
        if not isinstance(inputs, dict) or set(inputs) != set(self.modalities):
            received = sorted(inputs) if isinstance(inputs, dict) else type(inputs).__name__
            raise ValueError(
                f"expected a dict with one entry for each modality, {list(self.modalities)} "
                f"(None, or zeros, where one is absent). Received: {received}"
            )
        for name, size in self.modalities.items():
            shape = None if inputs[name] is None else tuple(inputs[name].shape)
            wanted = ("batch", "steps", size) if isinstance(size, int) else ("batch", *size)
            if shape is not None and (
                len(shape) != len(wanted)
                or any(
                    isinstance(w, int) and s not in (w, None)
                    for s, w in zip(shape, wanted, strict=True)
                )
            ):
                raise ValueError(
                    f"expected modality {name!r} to have shape ({', '.join(map(str, wanted))}). "
                    f"Received: {shape}"
                )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if training:
            self.track_auxiliary_losses(self)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def track_auxiliary_losses(self, trained):
        """Take note of what the layers added in a step of `trained`: this model, or one around it.

        Keras lists losses in the order of the layers of the model that is trained, which differs.
        """
        layers = [x for x in trained._flatten_layers() if hasattr(x, "loss_name")]
        values = {tracker.name: [] for tracker in self.auxiliary_trackers}
        for layer, value in zip(layers, trained.losses, strict=False):
            values[layer.loss_name].append(value / layer.weight)
        for tracker in self.auxiliary_trackers:
            if values[tracker.name]:
                tracker.update_state(ops.mean(ops.stack(values[tracker.name])))

    def get_metrics_result(self):
        results = super().get_metrics_result()
        if self._evaluating:
            for tracker in self.auxiliary_trackers:
                results.pop(tracker.name, None)
        return results

    def evaluate(self, *args, **kwargs):
        with self.hiding_auxiliary_losses():
            return super().evaluate(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        with self.hiding_auxiliary_losses():
            return super().test_on_batch(*args, **kwargs)

    @contextlib.contextmanager
    def hiding_auxiliary_losses(self):
        # They are not computed outside training, and their means would read 0.
        self._evaluating = True
        try:
            yield
        finally:
            self._evaluating = False
