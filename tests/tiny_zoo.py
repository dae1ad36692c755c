"""A zoo of one entry that trains in a second, for tests of what is built on entries."""

import textwrap

from kerasfuse.zoo import catalogue

NAME = "tiny_simulated"

ENTRY = """\
# A comment that stays.

[entry]
name = "tiny_simulated"
title = "A model for tests"
paper = "none"
summary = "So small that it trains in a second."

[model]
class = "LMF"

[model.args]
modalities = { text = 300, audio = 5, vision = 20 }
dim = 4
rank = 2
# Another one.

[data]
name = "simulated"

[data.args]
world = "codes"
like = "mosi"
num_samples = 24
typical_lengths = { text = 4, audio = 6, vision = 5 }

[recipe]
loss = "mae"
metrics = "mosi"
score = "mae"
optimizer = "adam"
learning_rate = 1e-2
clip_norm = 1.0
batch_size = 12
epochs = 3
plateau_factor = 0.5
plateau_patience = 1
early_stopping = 3
monitor = "val_loss"
seeds = [1, 2]

[weights]
trained_on = "simulated sequences"
license = "simulated data: no terms beyond those of the code"
commercial = true
made_by = "kerasfuse train tiny_simulated --record"
"""

# The same with attention maps and losses of its own. It takes five times as long to train: for
# tests of those alone.
ATTENTIVE = ENTRY.replace('class = "LMF"', 'class = "MICA"').replace(
    "rank = 2\n", "num_heads = 2\nnum_layers = 1\nkernel_sizes = 1\nalpha = 0.8\nbeta = 0.5\n"
)

# A gate that is searched for before the training.
GATED = (
    ATTENTIVE.replace('class = "MICA"', 'class = "HCTMG"')
    .replace("num_samples = 24", "num_samples = 16")
    .replace("text = 4, audio = 6, vision = 5", "text = 2, audio = 3, vision = 2")
    .replace("alpha = 0.8\nbeta = 0.5\n", "")
    .replace("seeds = [1, 2]\n", "seeds = [1]\ngate_search = { batch_size = 8, epochs = 3 }\n")
)

# A loss on samples that accompany each one, which training chooses anew.
ACCOMPANIED = (
    ATTENTIVE.replace('class = "MICA"', 'class = "DAHB"')
    .replace("kernel_sizes = 1\nalpha = 0.8\nbeta = 0.5\n", 'pairs = "companions"\n')
    # The fusion that takes least time: what is tested happens before it.
    .replace("num_layers = 1\n", 'feedforward_units = 4\nfusion = "concatenation"\n')
    .replace("batch_size = 12", "batch_size = 8")
    .replace('optimizer = "adam"', 'optimizer = "adamw"\nweight_decay = 1e-3')
    .replace("plateau_factor = 0.5\nplateau_patience = 1\n", "warmup_epochs = 1\n")
    .replace("seeds = [1, 2]\n", "seeds = [1]\ncompanions = { refresh = 2 }\n")
)


def use(monkeypatch, folder, text=ENTRY):
    """Write the entry into `folder` and make that the zoo; return the entry's path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", folder)
    return path
