"""Train in SageMaker with version 2 of its SDK.

terraform output -json | python sdk2.py s3://BUCKET/datasets/beverages/ epochs=50
"""

import json
import sys
from pathlib import Path

from sagemaker.pytorch import PyTorch

uri, *arguments = sys.argv[1:]
outputs = {name: output["value"] for name, output in json.load(sys.stdin).items()}
jobs = f"s3://{outputs['bucket_name']}/jobs"

# Use the appropriate role from terraform outputs
role_arn = outputs["training_role_arn"]

estimator = PyTorch(
    entry_point="train.py",
    source_dir=str(Path(__file__).parent / "job"),
    role=role_arn,
    instance_type=outputs["sagemaker_instance_type"],
    instance_count=1,
    framework_version="2.8",
    py_version="py312",
    environment={"MLFLOW_TRACKING_URI": outputs["training_tracking_uri"]},
    hyperparameters=dict(argument.split("=", 1) for argument in arguments),
    # The role may read and write below jobs/, and log for jobs that are named after the project.
    base_job_name=f"{outputs['project_name']}-sdk2",
    code_location=jobs,
    output_path=jobs,
)

estimator.fit(uri)
