"""From raw orders to a registered model of SageMaker's public hub, judged on a golden set, nothing left running.

The pipeline is include/pipelines/jumpstart_orders.yaml; `python -m airflow_finetune jumpstart list` shows other models.
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("jumpstart_orders.yaml", dag_id="finetune_jumpstart")
