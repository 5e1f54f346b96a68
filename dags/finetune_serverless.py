"""From raw orders to a registered model, customized without choosing an instance, judged on a golden set.

The pipeline is include/pipelines/serverless_orders.yaml; nothing is left running.
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("serverless_orders.yaml", dag_id="finetune_serverless")
