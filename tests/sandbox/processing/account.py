"""A hand that creates, watches and reads processing jobs through boto3, as a program outside does."""

from __future__ import annotations

from typing import Any

from tests.sandbox.training.account import FINAL, ROLE, Jobs, wait_for

GROUP = "/aws/sagemaker/ProcessingJobs"


class ProcessingJobs(Jobs):
    """Processing jobs as a program outside makes them; each runs ``/opt/ml/processing/input/code/job.py``."""

    group = GROUP

    def request(self, name: str, program: str = "", *words: str, **further: Any) -> dict[str, Any]:
        self.put(f"code/{name}/job.py", program)
        request: dict[str, Any] = {
            "ProcessingJobName": name,
            "RoleArn": ROLE,
            "AppSpecification": {
                "ImageUri": "example/processor:1",
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/job.py"],
            },
            "ProcessingInputs": [source("code", f"code/{name}/job.py")],
            "ProcessingOutputConfig": {"Outputs": [target("result", f"out/{name}")]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
        }
        if words:
            request["AppSpecification"]["ContainerArguments"] = list(words)
        return request | further

    def create(self, name: str, program: str = "", *words: str, **further: Any) -> str:
        answer = self.sagemaker.create_processing_job(**self.request(name, program, *words, **further))
        return str(answer["ProcessingJobArn"])

    def describe(self, name: str) -> dict[str, Any]:
        return dict(self.sagemaker.describe_processing_job(ProcessingJobName=name))

    def end(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            job = self.describe(name)
            return job if job["ProcessingJobStatus"] in FINAL else None

        return dict(wait_for(look))


def source(name: str, key: str, **further: Any) -> dict[str, Any]:
    """An input at /opt/ml/processing/input/NAME."""
    s3 = {"S3Uri": f"s3://bucket/{key}", "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix"}
    return {"InputName": name, "S3Input": s3 | {"S3InputMode": "File"} | further}


def target(name: str, prefix: str, **further: Any) -> dict[str, Any]:
    """An output from /opt/ml/processing/output/NAME."""
    s3 = {"S3Uri": f"s3://bucket/{prefix}", "LocalPath": f"/opt/ml/processing/output/{name}"}
    return {"OutputName": name, "S3Output": s3 | {"S3UploadMode": "EndOfJob"} | further}
