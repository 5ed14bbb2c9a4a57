"""Says of an artifact that is not there that it is not there: 404.

MLflow takes what S3 says of it for a fault of its own, 500, after which its clients ask again and again:
https://github.com/mlflow/mlflow/issues/24535, open since July 2026.
"""

from __future__ import annotations

from typing import Any


def install() -> None:
    """Have MLflow understand S3 where it reads a file, as it does where it lists files."""
    from botocore.exceptions import ClientError
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR
    from mlflow.store.artifact.s3_artifact_repo import BOTO_TO_MLFLOW_ERROR, S3ArtifactRepository

    download: Any = S3ArtifactRepository._download_file

    def understood(repository: Any, remote_file_path: str, local_path: str) -> None:
        try:
            download(repository, remote_file_path, local_path)
        except ClientError as error:
            code = BOTO_TO_MLFLOW_ERROR.get(error.response["Error"]["Code"], INTERNAL_ERROR)
            raise MlflowException(str(error), error_code=code) from error

    S3ArtifactRepository._download_file = understood  # type: ignore[method-assign]
