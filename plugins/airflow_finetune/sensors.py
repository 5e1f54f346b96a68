"""Public sensors."""

from airflow_finetune.lifecycle.sensor import BedrockFineTuneJobSensor, FineTuneJobSensor

__all__ = ["BedrockFineTuneJobSensor", "FineTuneJobSensor"]
