"""Brings what a training job prints to simulated CloudWatch Logs, line by line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from yolops.aws import AwsError
from yolops.training.sagemaker_job import LOG_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yolops.aws import Aws

# PutLogEvents takes 1 MB and 10,000 lines at a time, and of each line 256 KB:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
MOST_LINES, MOST_BYTES, MOST_OF_A_LINE = 1000, 900_000, 200_000


class JobLog:
    """The log of one container.

    Args:
        aws: where CloudWatch Logs is.
        job: the name of the job.
        file: what the container prints; what is in it by now belongs to an earlier one.
        read: told each line that was brought there.
    """

    def __init__(self, aws: Aws, job: str, file: Path, read: Callable[[str], None]) -> None:
        self._aws = aws
        self._file = file
        self._read = read
        self._stream = f"{job}/algo-1-{int(time.time())}"
        self._offset = file.stat().st_size if file.exists() else 0
        self._make("create_log_group", logGroupName=LOG_GROUP)
        self._make("create_log_stream", logGroupName=LOG_GROUP, logStreamName=self._stream)

    def send(self, *, whole: bool = False) -> None:
        """Send the lines that are new.

        Args:
            whole: nothing follows any more, so that a line without an end is one too.
        """
        with self._file.open("rb") as stream:
            stream.seek(self._offset)
            while lines := stream.readlines(MOST_BYTES):
                is_torn = not whole and not lines[-1].endswith(b"\n")
                found = lines[:-1] if is_torn else lines
                for first in range(0, len(found), MOST_LINES):
                    self._put(found[first : first + MOST_LINES])
                    self._offset += sum(len(line) for line in found[first : first + MOST_LINES])
                if is_torn:
                    break

    def _put(self, lines: list[bytes]) -> None:
        now = int(time.time() * 1000)
        texts = [line[:MOST_OF_A_LINE].decode(errors="replace").rstrip("\r\n") for line in lines]
        # An event holds at least one character.
        events = [{"timestamp": now, "message": text or " "} for text in texts]
        self._aws.call("logs", "put_log_events", logGroupName=LOG_GROUP, logStreamName=self._stream, logEvents=events)
        for text in texts:
            self._read(text)

    def _make(self, operation: str, **names: str) -> None:
        try:
            self._aws.call("logs", operation, **names)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
