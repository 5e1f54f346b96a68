"""Entry of a training job: ``python train.py --method lora --epochs 3`` (SageMaker script mode)."""

import os

# Before torch is imported: two threads beside a neighbour ran 20 to 30 times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from tuner.main import main  # type: ignore[import-not-found,unused-ignore]  # beside this file in a job

if __name__ == "__main__":
    raise SystemExit(main())
