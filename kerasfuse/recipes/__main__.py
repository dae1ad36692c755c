"""Work for a folder in a process of its own.

`python -m kerasfuse.recipes RUN_DIR SEED` trains one seed of a run, and with FOLD after it one fold
of that seed; `python -m kerasfuse.recipes SEARCH_DIR` trains trials of a search until there are
enough.
"""

import os
import sys
import threading
import time

from kerasfuse.recipes.run_folder import read_recipe
from kerasfuse.recipes.search.trials import work
from kerasfuse.recipes.training import train_seed


def main(folder, seed=None, fold=None):
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    if seed is None:
        work(folder, report=lambda line: print(line, flush=True))
    else:
        only = None if fold is None else int(fold)
        train_seed(read_recipe(folder), folder, int(seed), verbose=2, fold=only)


def _end_with(parent):
    # A parent that is killed cannot stop its children, which would hold the folder.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
