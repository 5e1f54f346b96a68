"""The embedded AWS: one loopback endpoint on which training jobs and endpoints really run, as local processes.

It imports nothing of this package outside its own folder and never imports Airflow. Import `Sandbox` from
`.server` and `Settings` from `.settings`; `python -m airflow_finetune.sandbox` is the command line.
"""
