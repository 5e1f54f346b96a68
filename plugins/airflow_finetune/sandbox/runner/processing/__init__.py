"""Processing jobs: what is different from training jobs, whose life, folders, programs and logs they share."""
