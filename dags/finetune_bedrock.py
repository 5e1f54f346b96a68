"""From raw orders to a registered custom model of Amazon Bedrock, judged on a golden set, nothing left running.

The pipeline is include/pipelines/bedrock_orders.yaml; beside it lie files for distillation and continued pre-training.
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("bedrock_orders.yaml", dag_id="finetune_bedrock")
