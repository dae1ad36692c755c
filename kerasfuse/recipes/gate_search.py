"""The first of two phases: let a modality gate choose, then freeze its choice."""

import dataclasses
import json

import keras
import numpy as np

from kerasfuse import atomic
from kerasfuse.metrics import conventions
from kerasfuse.recipes.execution.devices import ALONE
from kerasfuse.recipes.scoring import compile_model, load_split
from kerasfuse.recipes.tasks.preparing import prepared
from kerasfuse.training.callbacks import FreezeModalityGate, ModalityGateHistory, RunCheckpoint
from kerasfuse.training.callbacks.gate_of import gate_of


def search_gate(
    model, best_model, entry, folder, seed, data_dir=None, verbose="auto", devices=ALONE
):
    """Freeze the gate of `model` at the choice of another model that is trained to find it.

    The other model trains from random weights, with the recipe's loss and optimizer and the batches
    and epochs of its `gate_search`, until `FreezeModalityGate` finds the gate at rest; after the
    last epoch the gate is taken as it is. What it learnt but for the gate's weights is dropped.

    Reference: "Incongruity-Aware Multimodal Sentiment and Emotion Recognition" (HCT-MG), section 5
    and Table 8: the gate is frozen at convergence, at about epoch 40 of CMU-MOSI by Figure 7, and
    the batches of Figure 6 are smaller than the table's; so its 30 epochs are a second phase.

    `folder/gate_search/` keeps the history, `folder/gate_search.json` what was found. A killed
    search goes on as `train` does. A fixed gate is left alone.

    Args:
        model: the model of the second phase, compiled or not.
        best_model: an uncompiled model of the same architecture, whose weights are written over.
        entry: an `Entry` whose recipe has a `gate_search`.
        folder: folder of the seed.
        seed, data_dir, verbose: as in `train`.
        devices: `Devices`, of which the first process searches and the others wait.

    Returns:
        dict of `primary`, `weights` by modality, `epochs` and `seconds`; `None` for a fixed gate.

    Example:

    >>> entry = kerasfuse.zoo.entry("hct_mg_mosi_utterance")
    >>> found = search_gate(entry.build(), entry.build(), entry, folder, seed=1)
    >>> found["primary"], found["epochs"]
    """
    gate = gate_of(model)
    if gate.is_frozen:
        return None

    def kept():
        path = folder / "gate_search.json"
        if not path.exists():
            found = _search(best_model, entry, folder / "gate_search", seed, data_dir, verbose)
            with atomic.replacing(path) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    found = devices.word(kept)
    weights = [found["weights"][modality] for modality in gate.modalities]
    # Their softmax is the weights again; no weight comes near the smallest float.
    gate.logits.assign(np.log(np.maximum(weights, np.finfo("float32").tiny)))
    gate.freeze()
    return found


def _search(best_model, entry, folder, seed, data_dir, verbose):
    recipe = dataclasses.replace(
        entry.recipe, batch_size=entry.recipe.gate_search["batch_size"], average_weights=0.0
    )
    entry = dataclasses.replace(entry, recipe=recipe)
    train = load_split(entry, "train", data_dir, seed)
    model = prepared(entry, train)
    compile_model(model, entry)
    freeze = FreezeModalityGate()
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(
            model, "stop_training", freeze.frozen_epoch is not None
        )
    )
    checkpoint = RunCheckpoint(
        folder, best_model, recipe.monitor, conventions.mode(recipe.monitor), seed, [freeze]
    )
    if checkpoint.done:
        # Killed before its result was written.
        checkpoint.set_model(model)
        checkpoint.on_train_begin()
    else:
        train.epoch = checkpoint.initial_epoch
        model.fit(
            train,
            validation_data=load_split(entry, "validation", data_dir),
            epochs=recipe.gate_search["epochs"],
            initial_epoch=checkpoint.initial_epoch,
            callbacks=[freeze, stop, ModalityGateHistory(), checkpoint],
            shuffle=False,
            verbose=verbose,
        )
    gate = gate_of(model)
    return {
        "primary": gate.choice,
        "weights": gate.probabilities,
        "epochs": checkpoint.state["epoch"],
        "seconds": round(sum(row["seconds"] for row in checkpoint.state["history"]), 1),
    }
