"""A team's own DAG with one task of ours in it: their export before, their report after."""

from airflow.sdk import DAG, task

from airflow_finetune import FineTuneOperator

BUCKET = "s3://{{ var.value.finetune_bucket }}"
ROLE, IMAGE = "{{ var.value.finetune_role_arn }}", "{{ var.value.finetune_image_uri }}"

with DAG("example_one_task", schedule=None, catchup=False, max_active_runs=1, is_paused_upon_creation=True):

    @task
    def export_orders(uri: str) -> str:
        """Put what is new in our shop to S3."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # brings boto3: not while the DAG is parsed

        rows = [f'{{"prompt": "{n} mugs, please", "completion": "mugs: {n}"}}\n' for n in range(2, 40)]
        S3Hook().load_string("".join(rows), uri, replace=True)
        return uri

    report = task(lambda model_uri: print("A new model:", model_uri), task_id="report")
    spec = {"base_model": f"{BUCKET}/models/tiny-llama/", "output_uri": f"{BUCKET}/tuned/", "max_steps": 20}
    dataset = export_orders(f"{BUCKET}/exports/{{{{ run_id }}}}/train.jsonl")
    tuned = FineTuneOperator(task_id="fine_tune", dataset=dataset, spec={**spec, "role_arn": ROLE, "image_uri": IMAGE})
    report(tuned.output["model_uri"])
