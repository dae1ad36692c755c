"""Several processes of PyTorch that train one model, each on its share of every batch.

Keras' trainer for PyTorch has no distribution before 3.16. All that stands in for it is here, and
`tests/backend/test_torch_data_parallel.py` tells when this file can go.
"""

import contextlib
import datetime
import os

import keras
import numpy as np
import torch
import torch.distributed as dist

# Variables by which processes find each other.
_NEEDED = ("RANK", "MASTER_ADDR", "MASTER_PORT")
# The others wait while the first process validates, scores and writes. Who dies is noticed by
# torchrun, which ends them all.
_PATIENCE = datetime.timedelta(days=1)


class _Now:
    """The training step that is being computed; `group` is `None` outside of one."""

    group = None
    counts = None


@contextlib.contextmanager
def processes():
    """Join the processes that torchrun started, in the block.

    Yields:
        `Group`, or `None` where there is one process.

    Raises:
        ValueError: for more processes than GPUs, where there are GPUs; without what torchrun sets.
    """
    if dist.is_initialized():
        yield Group()
        return
    if int(os.environ.get("WORLD_SIZE", 1)) < 2:
        yield None
        return
    if missing := [name for name in _NEEDED if name not in os.environ]:
        raise ValueError(
            "expected the variables that torchrun sets. Received: WORLD_SIZE="
            f"{os.environ['WORLD_SIZE']} without {', '.join(missing)}. Start torchrun "
            "--nproc-per-node N --no-python kerasfuse ..., or unset WORLD_SIZE."
        )
    backend = "gloo"
    if torch.cuda.is_available():
        place, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if place >= there:
            raise ValueError(
                "expected a GPU for each process. Received: process "
                f"{place + 1} of a machine with {there}. Start torchrun with "
                f"--nproc-per-node {there}."
            )
        torch.cuda.set_device(place)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Group()
    finally:
        # An error within a step leaves it open.
        _Now.group = _Now.counts = None
        dist.destroy_process_group()


class Group:
    """The processes that train together.

    Attributes:
        rank: number of this one, from 0.
        ranks: how many there are.
    """

    def __init__(self):
        self.rank = dist.get_rank()
        self.ranks = dist.get_world_size()

    def word(self, value):
        """Return what the first process gives, on all of them."""
        found = [value]
        dist.broadcast_object_list(found, src=0)
        return found[0]

    def words(self, value):
        """Return what each process gives, in their order, on all of them."""
        found = [None] * self.ranks
        dist.all_gather_object(found, value)
        return found

    def send(self, variables):
        """Give variables of Keras the values that they have in the first process."""
        for found in _by_dtype(variables):
            values = [v.value.detach() for v in found]
            flat = torch.cat([x.reshape(-1) for x in values])
            dist.broadcast(flat, src=0)
            if self.rank:
                _assign(found, flat)

    def average(self, variables):
        """Give variables of Keras the mean of their values in all processes."""
        for found in _by_dtype(variables):
            flat = torch.cat([v.value.detach().reshape(-1) for v in found]) / self.ranks
            dist.all_reduce(flat)
            _assign(found, flat)

    def attach(self, model):
        """Let a compiled model train on its share: gradients, logs and metrics of the whole batch.

            g = sum_r n_r / n g_r,    n_r the samples that process r has of n

        In `fit` with the callback `Exchange`, and nowhere else.
        """
        optimizer, losses = model.optimizer, model._loss_tracker
        apply, compute_metrics = optimizer.apply, model.compute_metrics

        def apply_mean(gradients, variables=None):
            if _Now.group is not None:
                gradients = _means(gradients, variables)
            return apply(gradients, variables)

        def compute_metrics_of_all(x, y, y_pred, sample_weight=None):
            found = keras.tree.map_structure(gathered, (y, y_pred, sample_weight))
            return compute_metrics(x, *found)

        optimizer.apply = apply_mean
        model.compute_metrics = compute_metrics_of_all
        for tracker in (losses, *getattr(model, "auxiliary_trackers", ())):
            _track_mean(tracker)

    def callback(self, share, seed, companions=None):
        """Return the `Exchange` of a training."""
        return Exchange(self, share, seed, companions)


class Exchange(keras.callbacks.Callback):
    """Keep the processes of a training together, as the last of its callbacks.

    Before each epoch all variables, those of the optimizer too, are what they are in the first
    process, whatever its other callbacks did to them. The others have random numbers of their own:
    dropout draws from these. What draws from a generator of its own, as an MMD that compares some
    elements of a batch, draws alike. The first process says when training ends.

    Args:
        group: the `Group`.
        share: the `kerasfuse.datasets.batching.share.Share` that is trained on.
        seed: seed of the training.
        companions: the `kerasfuse.datasets.Companions` that are trained on, whose lists the first
            process makes.
    """

    def __init__(self, group, share, seed, companions=None):
        super().__init__()
        self.group = group
        self.share = share
        self.seed = seed
        self.companions = companions

    def on_epoch_begin(self, epoch, logs=None):
        group, model = self.group, self.model
        group.send([*model.variables, *model.optimizer.variables])
        if self.companions is not None:
            self.companions.lists = group.word(None if group.rank else self.companions.lists)
        if group.rank:
            numbers = np.random.SeedSequence([self.seed, epoch, group.rank])
            keras.utils.set_random_seed(int(numbers.generate_state(1)[0]))

    def on_train_batch_begin(self, batch, logs=None):
        _Now.group, _Now.counts = self.group, self.share.counts(batch)

    def on_train_batch_end(self, batch, logs=None):
        _Now.group = _Now.counts = None
        if batch + 1 == self.params["steps"]:
            layers = self.model._flatten_layers()
            norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
            self.group.average([v for x in norms for v in (x.moving_mean, x.moving_variance)])

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.group.word(bool(self.model.stop_training))


def shares_a_step():
    """Whether a training step is being computed by several processes."""
    return _Now.group is not None


def gathered(x):
    """Return the rows of the whole batch, of which this process has some.

    The rows of a sample are together, as many of each. Gradients go to the own rows, divided by
    this process's share of the batch, as its gradients are multiplied by it later. So that of a
    loss of all rows, which every process computes, is counted once.

    Args:
        x: tensor `(rows, ...)`, or `None`.
    """
    if x is None or _Now.counts is None:
        return x
    return _Gathered.apply(keras.ops.convert_to_tensor(x), _Now.counts, _Now.group.rank)


def of_sum(x):
    """Return a sum over the rows of this process so that the mean over processes is the sum."""
    return x if _Now.counts is None else x / _weight()


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, counts, rank):
        each = x.shape[0] // counts[rank]
        rows, most = [each * count for count in counts], each * max(counts)
        first = sum(rows[:rank])
        ctx.place, ctx.weight = slice(first, first + rows[rank]), _weight()
        # Every process sends as much; and gloo knows no booleans.
        sent = x.to(torch.uint8) if x.dtype == torch.bool else x
        if missing := most - x.shape[0]:
            sent = torch.cat([sent, sent.new_zeros(missing, *x.shape[1:])])
        pieces = [torch.empty_like(sent) for _ in counts]
        dist.all_gather(pieces, sent.contiguous())
        whole = torch.cat([piece[:count] for piece, count in zip(pieces, rows, strict=True)])
        return whole.to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        return gradient[ctx.place] / ctx.weight, None, None


def _weight():
    """Return this process's share of the batch; one that is whole on all counts once."""
    if _Now.counts is None:
        return 1.0 / _Now.group.ranks
    return _Now.counts[_Now.group.rank] / sum(_Now.counts)


def _means(gradients, variables):
    """Return the gradients of the whole batch: in one exchange, as many small ones take longer."""
    parts = [
        torch.zeros_like(v.value) if g is None else g
        for g, v in zip(gradients, variables, strict=True)
    ]
    # Last, which there are: what some process has a gradient of, all have one of.
    there = parts[0].new_tensor([float(g is not None) for g in gradients])
    flat = torch.cat([*(part.reshape(-1) for part in parts), there]) * _weight()
    dist.all_reduce(flat)
    *found, there = flat.split([*(part.numel() for part in parts), len(parts)])
    return [
        mean.view(part.shape).to(part.dtype) if some else None
        for mean, part, some in zip(found, parts, (there > 0).tolist(), strict=True)
    ]


def _track_mean(tracker):
    """Let a mean of Keras count the means of whole batches, weighted as these."""
    update_state = tracker.update_state

    def update_state_of_all(value, sample_weight=None):
        if _Now.group is not None:
            value = keras.ops.convert_to_tensor(value).detach() * _weight()
            dist.all_reduce(value)
            if sample_weight is not None and _Now.counts is not None:
                sample_weight = sample_weight / _weight()
        return update_state(value, sample_weight)

    tracker.update_state = update_state_of_all


def _by_dtype(variables):
    found = {}
    for variable in variables:
        found.setdefault(variable.value.dtype, []).append(variable)
    return found.values()


def _assign(variables, flat):
    parts = flat.split([v.value.numel() for v in variables])
    for variable, part in zip(variables, parts, strict=True):
        variable.assign(part.view(variable.value.shape))
