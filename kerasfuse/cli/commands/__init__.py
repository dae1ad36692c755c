"""The commands, each a few lines over a function of the library."""

from kerasfuse.cli.commands.app import app

# isort: split
# In the order of the help.
from kerasfuse.cli.commands import entries as entries

# isort: split
from kerasfuse.cli.commands import training as training

# isort: split
from kerasfuse.cli.commands import results as results

# isort: split
from kerasfuse.cli.commands import data as data

__all__ = ["app"]
