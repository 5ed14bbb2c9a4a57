"""Train in SageMaker with version 3 of its SDK.

terraform output -json | python sdk3.py s3://BUCKET/datasets/beverages/ epochs=50
"""

import json
import os
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
from sagemaker.train import ModelTrainer

# Its check of the role asks for rights on "*" where this role has them on the project's own things only.
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")

uri, *arguments = sys.argv[1:]
outputs = {name: output["value"] for name, output in json.load(sys.stdin).items()}
bucket, instance_type = outputs["bucket_name"], outputs["sagemaker_instance_type"]

# Use the appropriate role from terraform outputs
role_arn = outputs["training_role_arn"]

trainer = ModelTrainer(
    source_code=SourceCode(
        source_dir=str(Path(__file__).parent / "job"), entry_script="train.py", requirements="requirements.txt"
    ),
    role=role_arn,
    compute=Compute(instance_type=instance_type, instance_count=1),
    training_image=image_uris.retrieve(
        "pytorch", outputs["aws_region"], "2.8", "py312", instance_type=instance_type, image_scope="training"
    ),
    environment={"MLFLOW_TRACKING_URI": outputs["training_tracking_uri"]},
    hyperparameters=dict(argument.split("=", 1) for argument in arguments),
    # The role may read and write below jobs/, and log for jobs that are named after the project.
    base_job_name=f"{outputs['project_name']}-sdk3",
    sagemaker_session=Session(default_bucket=bucket, default_bucket_prefix="jobs"),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/jobs"),
)

trainer.train(input_data_config=[InputData(channel_name="training", data_source=uri)])
