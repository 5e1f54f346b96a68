"""From raw orders to a registered model, tuned on Spot, judged on a golden set, nothing left running.

The pipeline is include/pipelines/orders.yaml. For your own data, copy that file and this one:

    from airflow_finetune import finetune_dag

    dag = finetune_dag("mine.yaml")
"""

from airflow_finetune import finetune_dag

dag = finetune_dag("orders.yaml", dag_id="finetune_spot_training")
