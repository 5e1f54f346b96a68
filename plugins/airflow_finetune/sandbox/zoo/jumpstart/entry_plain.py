"""Entry of a training job that keeps no checkpoints: after an interruption it begins anew."""

import os

# Before torch is imported: two threads beside a neighbour ran 20 to 30 times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from zoo.jumpstart.main import main  # type: ignore[import-not-found,unused-ignore]  # beside this file in a job

if __name__ == "__main__":
    raise SystemExit(main(None))
