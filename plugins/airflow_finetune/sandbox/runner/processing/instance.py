"""One instance of a processing job: its inputs, the program, and its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ..jobs import container
from ..jobs.instance import Instance
from ..transfer import outputs
from ..transfer.channels import TransferError, download_channel
from ..transfer.checkpoints import Checkpoints
from .order import ProcessingOrder, command, exit_message, lay_out

if TYPE_CHECKING:
    from ..processes import Exit

NOT_UTF_8 = "ClientError: The exit message in /opt/ml/output/message is not UTF-8 encoded."


@dataclass
class ProcessingInstance(Instance):
    """What exists between Provisioned and the moment at which nothing of it is left."""

    order: ProcessingOrder
    succeeded: bool = False

    def _folders_in_step(self) -> list[Checkpoints]:
        return [
            Checkpoints(self._s3, output["S3Uri"], container.below_ml(self.ml, output["LocalPath"]), "Output")
            for output in self.order.outputs("Continuous")
        ]

    def _download(self) -> None:
        lay_out(self.order, self.ml)
        for source in self.order.inputs:
            channel = {
                "DataSource": {"S3DataSource": {"S3DataType": source["S3DataType"], "S3Uri": source["S3Uri"]}},
                "CompressionType": source.get("S3CompressionType", "None"),
            }
            try:
                download_channel(self._s3, channel, container.below_ml(self.ml, source["LocalPath"]), self._cancelled)
            except TransferError as error:  # AWS words it differently for processing jobs
                raise TransferError(
                    str(error).replace("Data download failed:", "Failed to download data. ", 1)
                ) from error
        self.command = command(self.order.request, self.images.program(self.order.image, "process"))

    def failure_of(self, end: Exit) -> str | None:
        """Return the FailureReason of a program that has ended, or None after exit code 0."""
        failure = super().failure_of(end) or self._unreadable_message()
        self.succeeded = failure is None
        return failure

    def _unreadable_message(self) -> str | None:
        try:
            exit_message(self.ml).decode()
        except UnicodeDecodeError as error:
            return None if error.reason == "unexpected end of data" else NOT_UTF_8  # cut in the middle of a letter
        return None

    def _failure_file(self) -> str:
        return ""  # it is not part of a processing job's contract

    def _upload_results(self) -> None:
        """Upload what goes up at the end of the job; nothing when the program failed."""
        if not self.succeeded:
            return
        extra = outputs.encryption(self.order.request.get("ProcessingOutputConfig", {}))
        try:
            for output in self.order.outputs("EndOfJob"):
                folder = container.below_ml(self.ml, output["LocalPath"])
                outputs.upload_plain(self._s3, folder, output["S3Uri"].rstrip("/") + "/", extra)
        except (OSError, BotoCoreError, ClientError) as error:
            raise TransferError(f"ClientError: Output upload failed:{error}") from error
