"""One process of jax that trains one model on several devices: `keras.distribution.DataParallel`.

The program is that of the whole batch, which jax divides: nothing has to be gathered by hand.
"""

import contextlib
import functools

import jax
import keras
from keras.distribution import DataParallel, TensorLayout
from keras.src.backend.jax import trainer


class _DataParallel(DataParallel):
    """Divide a batch where its rows can be divided evenly; each device has all of another."""

    def get_data_layout(self, data_shape):
        if data_shape[0] % self.num_model_replicas:
            return TensorLayout([None] * len(data_shape), self.device_mesh)
        return super().get_data_layout(data_shape)


@contextlib.contextmanager
def devices():
    """Let what is built and trained in the block use all devices that jax sees.

    Yields:
        How many there are.

    Raises:
        ValueError: for several processes, each of which would train on all samples.
    """
    if jax.process_count() > 1:
        raise ValueError(
            "expected one process, which jax trains in on all devices of a machine. Received: "
            f"{jax.process_count()} processes. Start one, or use KERAS_BACKEND=torch and torchrun."
        )
    distribution = _DataParallel(devices=keras.distribution.list_devices())
    distribute_data = trainer._distribute_data

    @functools.wraps(distribute_data)
    def distribute_each(data, layouts=None):
        # Keras takes the layouts of an epoch from its first batch, and the last one is smaller.
        return distribute_data(data)

    with distribution.scope():
        trainer._distribute_data = distribute_each
        try:
            yield distribution.num_model_replicas
        finally:
            trainer._distribute_data = distribute_data
