"""A training job on its way to SageMaker."""
