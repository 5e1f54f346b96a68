"""From raw orders to a registered model, on the backend that written rules choose when the run begins.

The pipeline is include/pipelines/auto_orders.yaml; docs/choosing-a-backend.md has the rules.
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("auto_orders.yaml", dag_id="finetune_auto")
