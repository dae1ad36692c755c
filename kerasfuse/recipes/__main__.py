"""Train one seed of a run folder: `python -m kerasfuse.recipes RUN_DIR SEED`."""

import os
import sys
import threading
import time

from kerasfuse.recipes.run_folder import read_recipe
from kerasfuse.recipes.training import train_seed


def main(run_dir, seed):
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    train_seed(read_recipe(run_dir), run_dir, int(seed), verbose=2)


def _end_with(parent):
    # A parent that is killed cannot stop its children, and two runs must not share a folder.
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
