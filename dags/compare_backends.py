"""One dataset over several backends, all judged on one golden set: quality against price, and nothing left running.

The pipeline is include/pipelines/compare.yaml; auto_orders.yaml beside it has one backend chosen by written rules.
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("compare.yaml", dag_id="compare_backends")
