"""TensorBoardLogs: the history of a training, for TensorBoard, without TensorFlow."""

import keras

from kerasfuse.backend.torch_tensorboard import summary_writer


class TensorBoardLogs(keras.callbacks.Callback):
    """Write every number of the logs of each epoch into a folder that TensorBoard reads.

    Those of validation stand beside those of training: `loss/training` and `loss/validation`. The
    file is written by PyTorch, on every backend; `keras.callbacks.TensorBoard` needs TensorFlow.

    Args:
        log_dir: the folder.

    Raises:
        ImportError: when training starts, without the package tensorboard.

    Example:

    >>> model.fit(train, validation_data=validation, callbacks=[TensorBoardLogs("logs")])
    """

    def __init__(self, log_dir="tensorboard"):
        super().__init__()
        self.log_dir = log_dir
        self._writer = None

    def on_train_begin(self, logs=None):
        self._writer = summary_writer(self.log_dir)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            plain = name.removeprefix("val_")
            split = "training" if plain == name else "validation"
            self._writer.add_scalar(f"{plain}/{split}", float(value), epoch + 1)
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._writer.close()
