"""Modulated: any model of several modalities, trained so that none of them starves."""

import types
import warnings

import keras
from keras import ops

from kerasfuse import backend
from kerasfuse import ops as fuse_ops
from kerasfuse.analysis.coalitions import CoalitionEvaluator
from kerasfuse.models.parts.auxiliary_loss_tracking import AuxiliaryLossTracking
from kerasfuse.models.parts.built_in_first_step import BuiltInFirstStep
from kerasfuse.models.parts.fusion_model import FusionModel
from kerasfuse.nearest_names import close_to
from kerasfuse.training.gradient_coefficients import CoefficientChannel, ScaledGradients
from kerasfuse.training.strategy import VALIDATION
from kerasfuse.training.unimodal_errors import UnimodalErrors, check_logits

_NORMALISING = ("Adam", "AdamW", "Adamax", "Nadam", "Adafactor", "Lion", "Lamb", "RMSprop")


@keras.saving.register_keras_serializable("kerasfuse")
class Modulated(AuxiliaryLossTracking, BuiltInFirstStep, keras.Model):
    """Train a model with a strategy that balances its modalities.

    Compile and fit it as the model itself. `predict`, `evaluate`, `save` and `export` are the
    model's own; its weights are the model's variables, so that `model` is trained when this is.
    `save_weights` and checkpoints that use it keep the state of the strategy too, to go on from.

    In training the shares of the modalities are computed beside the joint output
    (`kerasfuse.analysis.coalitions`). At response level the modulated gradient is that of the
    loss itself (`kerasfuse.ops.modulated_output`); at encoder level, and for noise, gradients are
    changed on their way to the optimizer. The step is Keras' own on every backend, with its loss
    scaling, accumulation, clipping and compilation.

    On several devices the errors of the modalities, and so coefficients, running means and records,
    are those of the whole batch, gathered.

    Losses that layers add are part of the loss as ever, and modulated by no strategy at response
    level.

    Args:
        model: a functional `keras.Model` with a named input for each modality and one output, of
            logits or of a regression, such as those of `kerasfuse.models`.
        strategy: an `AGM`, `OGMGE`, `MSLR` or `MSES` of its own.

    Raises:
        ValueError: for a model of one modality, a loss that takes probabilities or is none of
            those that modalities can be compared by, a model that ends in softmax, a regression
            under a strategy for classes, names of encoders that the model does not have, labels
            outside the classes.

    Example:

    >>> fusion = Modulated(model, AGM(alpha=2.5))
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> fusion.compile(keras.optimizers.SGD(1e-3, momentum=0.9), loss, metrics=["accuracy"])
    >>> fusion.fit({"image": images, "audio": sounds}, labels)
    """

    def __init__(self, model, strategy, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self._track_auxiliary_losses()
        self.coalitions = CoalitionEvaluator(model)
        self.strategy = strategy
        strategy.start(self.coalitions.modalities)
        # Where encoded vectors are muted, they are those of the step itself.
        self._reuses = not self._mutes_inputs or not self.coalitions.encoders_depend_on_mode
        self._scaled = None
        named = None if strategy.encoders is None else self._named_encoders()
        if strategy.level == "encoder" or strategy.noise:
            found = strategy.scaled(self._trained(named or self.coalitions.encoders))
            # Not a dict: Keras would take the variables in it for this model's own.
            self._scaled = types.SimpleNamespace(variables=found)
            self.channel = CoefficientChannel(len(self.modalities) + 1, name="coefficients")
        self._task = None
        self.built = True

    @property
    def modalities(self):
        """Names of the modalities, in the order of the coefficients."""
        return self.coalitions.modalities

    @property
    def has_accuracy(self):
        """Whether the loss has one right class a sample, so that modalities have an accuracy."""
        return self._task is not None and self._task.has_accuracy

    # -- Keras' own steps call these -------------------------------------------------------------

    def call(self, inputs, training=None):
        self._check_names(inputs)
        if not training:
            return self.model(inputs, training=False)
        # The joint pass comes last, that of the encoders too: of several passes through a layer,
        # jax keeps the losses of the last.
        evaluator = self.coalitions
        if not self._reuses:
            coalition_outputs = self._muted(inputs, evaluator.encode(inputs))
            output = self.model(inputs, training=True)
        elif self._mutes_inputs:
            zeros = evaluator.encoded_zeros(inputs)
            features = evaluator.encode(inputs, training=True)
            coalition_outputs = evaluator.muted(features, zeros)
            output = evaluator.head(features, training=True)
        else:
            features = evaluator.encode(inputs, training=True)
            coalition_outputs = evaluator.muted_features(features)
            output = evaluator.head(features, training=True)
        outputs = [coalition_outputs[members] for members in self.coalitions.subsets]
        return _after(outputs, output), outputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        strategy = self.strategy
        if not training:
            if strategy.watches_validation:
                coalition_outputs = self._muted(x, self.coalitions.encode(x))
                strategy.observe(*self._compare(y, y_pred, coalition_outputs), VALIDATION)
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        y_pred, outputs = y_pred
        coalition_outputs = dict(zip(self.coalitions.subsets, outputs, strict=True))
        kappa = strategy.step(*self._compare(y, y_pred, coalition_outputs))
        from_labels = self._update_auxiliary_losses(x, y)
        if strategy.level == "response":
            coalition_outputs[frozenset(self.modalities)] = y_pred
            y_pred = fuse_ops.modulated_output(coalition_outputs, kappa, self.modalities)
        loss = super().compute_loss(x, y, y_pred, sample_weight, training) + from_labels
        if self._scaled is None:
            return loss
        kappa = kappa if strategy.level == "encoder" else ops.ones_like(kappa)
        carried = ops.concatenate([kappa, ops.reshape(strategy.active.value, (1,))])
        return loss + ops.cast(self.channel(carried), loss.dtype)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y_pred = y_pred[0] if isinstance(y_pred, (tuple, list)) else y_pred
        return super().compute_metrics(x, y, y_pred, sample_weight)

    # -- What a user calls -----------------------------------------------------------------------

    def compile(self, optimizer="sgd", loss=None, **kwargs):
        self._task = UnimodalErrors(loss)
        if self._task.classifies:
            check_logits(self.model)
        refused = self.strategy.classification_only and not self._task.classifies
        if refused or (self.strategy.needs_accuracy and not self._task.has_accuracy):
            raise ValueError(
                f"expected a loss of classes under {type(self.strategy).__name__}, which goes by "
                "how often, or how surely, each modality is right. "
                f"Received: loss={loss!r}. AGM takes regressions."
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)
        if self._scaled is not None:
            self._scale_gradients()

    def make_train_function(self, force=False):
        backend.clip_at_once(self.optimizer)
        return super().make_train_function(force)

    def fit(self, x=None, y=None, *args, callbacks=None, **kwargs):
        self._check_labels(getattr(x, "labels", None) if y is None else y)
        if isinstance(self.model, FusionModel):
            self.model.check_data(x)
        own = _Epochs()
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(own)
        else:
            # First: what it does belongs to the epoch that other callbacks save.
            callbacks = [own, *(callbacks or [])]
        if not args:  # whoever counts on places may mean `shuffle`
            x, kwargs = backend.fed_in_fit(x, kwargs)
        return super().fit(x, y, *args, callbacks=callbacks, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        return super().evaluate(backend.fed(x), *args, **kwargs)

    def predict(self, x=None, *args, **kwargs):
        return super().predict(backend.fed(x), *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        self._check_labels(y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def save(self, filepath, **kwargs):
        """Save the model without the strategy: see `keras.Model.save`."""
        self.model.save(filepath, **kwargs)

    def export(self, filepath, **kwargs):
        """Export the model without the strategy: see `keras.Model.export`."""
        self.model.export(filepath, **kwargs)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        config = {"model": serialize(self.model), "strategy": serialize(self.strategy)}
        return {"name": self.name, **config}

    @classmethod
    def from_config(cls, config):
        revive = keras.saving.deserialize_keras_object
        return cls(revive(config["model"]), revive(config["strategy"]), name=config.get("name"))

    # -- Parts -----------------------------------------------------------------------------------

    @property
    def _mutes_inputs(self):
        return self.strategy.mutes == "inputs"

    def _muted(self, inputs, features):
        if self._mutes_inputs:
            return self.coalitions.muted_inputs(inputs, features)
        return self.coalitions.muted_features(features)

    def _compare(self, y, output, coalition_outputs):
        """Return errors `(modalities, batch)` of the shares, and which are correct or `None`."""
        task = self._task
        whole = {frozenset(): ops.zeros_like(output), frozenset(self.modalities): output}
        shares = fuse_ops.shapley_values(coalition_outputs | whole)
        # All in one call: of so few numbers a call costs more than what it computes.
        count = len(self.modalities)
        shares = ops.concatenate([shares[m] for m in self.modalities])
        labels = ops.concatenate([y] * count)
        found = task.errors(labels, shares), task.correct(labels, shares)
        return [None if x is None else _of_whole_batch(ops.reshape(x, (count, -1))) for x in found]

    def _trained(self, layers):
        """Return modality -> variables that are trained, of modality -> layers."""
        variables = {
            m: list({id(v): v for layer in found for v in layer.trainable_variables}.values())
            for m, found in layers.items()
        }
        for m, found in variables.items():
            if not found:
                raise ValueError(
                    f"expected an encoder with variables for each modality. Received: {m!r}, on "
                    f"which no trainable layer of {self.model.name!r} depends alone. Name the "
                    "layers by encoders={...}, or take level='response'"
                )
        return variables

    def _named_encoders(self):
        encoders = self.strategy.encoders
        self._check_known(encoders, self.modalities, "the name of a modality")
        if missing := [m for m in self.modalities if m not in encoders]:
            raise ValueError(f"expected an encoder for each modality. Received: none for {missing}")
        inside = {layer.name: layer for layer in self.model._flatten_layers(include_self=False)}
        self._check_known(encoders.values(), inside, f"a layer of {self.model.name!r}")
        return {m: [inside[name]] for m, name in encoders.items()}

    def _check_known(self, names, valid, what):
        for name in names:
            if name not in valid:
                near = close_to(name, valid) or list(valid)[:3]
                raise ValueError(f"expected {what}, such as {', '.join(near)}. Received: {name!r}")

    def _check_names(self, inputs):
        if not isinstance(inputs, dict):
            raise ValueError(
                f"expected a dict with one entry for each modality, {self.modalities}. "
                f"Received: {type(inputs).__name__}"
            )
        self._check_known(inputs, self.modalities, "the name of a modality of the model")
        if missing := [m for m in self.modalities if m not in inputs]:
            raise ValueError(f"expected every modality, zeros if absent. Received: no {missing}")

    def _check_labels(self, labels):
        if self._task is not None:
            self._task.check_labels(labels, self.model.outputs[0].shape[-1])

    def _scale_gradients(self):
        # Inside the loss scaling of float16, so that the coefficients arrive unscaled.
        outer = self.optimizer
        scales_loss = isinstance(outer, keras.optimizers.LossScaleOptimizer)
        inner = outer.inner_optimizer if scales_loss else outer
        inner = inner.inner_optimizer if isinstance(inner, ScaledGradients) else inner
        if self.strategy.magnitude_matters and type(inner).__name__ in _NORMALISING:
            warnings.warn(
                f"{type(self.strategy).__name__} scales the gradients of encoders, and "
                f"{type(inner).__name__} divides each gradient by its usual size, which undoes "
                "that. Use keras.optimizers.SGD with momentum, or AGM(level='response').",
                stacklevel=3,
            )
        scaled = ScaledGradients(
            inner,
            self.channel.carrier,
            [self._scaled.variables[m] for m in self.modalities],
            self.strategy.noise,
        )
        if scales_loss:
            outer.inner_optimizer = scaled
        else:
            self.optimizer = scaled


class _Epochs(keras.callbacks.Callback):
    """Begin and end the epochs of a strategy."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.strategy.reset_record()

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        if model._scaled is not None:
            model.strategy.on_epoch_end(model._scaled.variables)


def _of_whole_batch(errors):
    """Gather `(modalities, batch)`, where a device has a share of the batch."""
    return ops.transpose(backend.gathered(ops.transpose(errors)))


def _after(others, output):
    """Return `output`, for whose value and gradient all of `others` must have been computed.

    Else tensorflow may update a weight before a muted pass has read it: its graph optimizer loses
    the order where a pass has no part in the gradient, as where gradients are scaled.
    """
    joined = ops.concatenate([output, *map(ops.stop_gradient, others)], axis=0)
    return joined[: ops.shape(output)[0]]
