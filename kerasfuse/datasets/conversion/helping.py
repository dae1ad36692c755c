"""The process of a helper: the call of a conversion, of which it writes a share of the pieces."""

import json
import sys

from kerasfuse.datasets import load
from kerasfuse.datasets.conversion.sharing import Share, helping

if __name__ == "__main__":
    told = json.load(sys.stdin)
    name, data_dir, config = told["call"]
    with helping(Share(**told["share"])):
        load(name, data_dir=data_dir, **config)
