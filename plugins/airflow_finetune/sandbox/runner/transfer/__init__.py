"""Data between S3 and the folders of a job."""
