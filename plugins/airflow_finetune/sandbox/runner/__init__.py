"""Runs what jobs and endpoints run: processes of this machine in the place of containers."""
