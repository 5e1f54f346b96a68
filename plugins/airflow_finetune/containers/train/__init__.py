"""What runs inside a training job: `train.py` is the entry, `tuner/` the program; both are copied there as they are."""
