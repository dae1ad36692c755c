"""BuiltInFirstStep: no pass over the model to find shapes that the first step finds anyway."""

from kerasfuse import backend


class BuiltInFirstStep:
    """Let the first step make metrics and loss of a `keras.Model`, where it can.

    Keras makes them before it, by a pass over the whole model with tensors without values. Of a
    model that is built, with a backend that computes as it goes, that pass finds nothing: a small
    model spends more time in it than in an epoch. Only the optimizer is built before, as by Keras.

    A base class before `keras.Model`.
    """

    def _symbolic_build(self, iterator=None, data_batch=None):
        if not backend.builds_as_it_goes(self):
            super()._symbolic_build(iterator, data_batch)
            return
        parts = [self._compile_metrics, self._compile_loss, *self._flatten_layers()]
        if iterator is not None and not all(part is None or part.built for part in parts):
            # Keras looks at a batch here, and with it draws an order: by a seed it stays the same.
            next(iter(iterator), None)
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
