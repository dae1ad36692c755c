"""RefreshCompanions: choose companions by what the model has learnt so far."""

import keras
import numpy as np

from kerasfuse import atomic


class RefreshCompanions(keras.callbacks.Callback):
    """Rank samples by the model's own representations, every few epochs.

        v_i = [mean(X_t); mean(X_v); mean(X_a)] of sample i,    without dropout

    The first epoch goes by raw features; the ranking is renewed before the second one, and then
    every `every` epochs. It costs one pass over the training samples.

    Reference: DAHB, section 3.3. Its authors' later release ranks every two epochs, too, but from
    the first one on, when nothing has been learnt but BERT.

    Args:
        companions: the `kerasfuse.datasets.Companions` that are trained on.
        every: epochs between two rankings.
        path: a `.npz` file that keeps the ranking, so that a run that was interrupted between two
            of them goes on with the one that it had, see `restore`.

    Raises:
        ValueError: for a model that offers no means of its modalities.

    Example:

    >>> model = kerasfuse.models.DAHB(train.modalities, pairs="companions")
    >>> companions = kerasfuse.datasets.Companions(train)
    >>> model.fit(companions, epochs=10, callbacks=[RefreshCompanions(companions)])
    """

    def __init__(self, companions, every=2, path=None):
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"expected `every` to be a whole number from 1. Received: {every!r}")
        self.companions = companions
        self.every = every
        self.path = path

    def restore(self):
        """Take the ranking that was kept, if there is one."""
        if self.path is not None and self.path.exists():
            with np.load(self.path) as kept:
                self.companions.lists = {name: kept[name] for name in kept.files}

    def on_train_begin(self, logs=None):
        names = self.check(self.model)
        self._extractor = self.model.extract(*names)

    def check(self, model):
        """Return the names of what a model is asked for.

        Raises:
            ValueError: for a model that does not offer it.
        """
        names = [f"mean/{m}" for m in self.companions.batches.modalities]
        missing = [name for name in names if name not in getattr(model, "intermediates", ())]
        if missing:
            raise ValueError(
                "expected a model that offers the mean of each modality, such as DAHB. "
                f"Received: {type(model).__name__}, without {', '.join(missing)}"
            )
        return names

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self.every != 1 % self.every or epoch == 0:
            return
        self.companions.refresh(self._representations())
        if self.path is not None:
            with atomic.replacing(self.path) as temporary, open(temporary, "wb") as file:
                np.savez(file, **self.companions.lists)

    def _representations(self):
        # Looked at for its effect: on jax the weights of this step reach the model by it.
        _ = self.model
        batches = self.companions.batches
        parts = []
        for start in range(0, batches.num_samples, batches.batch_size):
            rows = range(start, min(start + batches.batch_size, batches.num_samples))
            means = self._extractor.predict_on_batch(batches.gather(rows)[0])
            parts.append(np.concatenate([means[name] for name in means], axis=1))
        return np.concatenate(parts)
