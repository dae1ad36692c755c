"""PyTorch's writer of TensorBoard's files, which needs no TensorFlow."""

from kerasfuse.optional_packages import require


def summary_writer(folder):
    """Return a `torch.utils.tensorboard.SummaryWriter` for a folder.

    Raises:
        ImportError: without the package tensorboard.
    """
    require("tensorboard", "logs for TensorBoard", "tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))
