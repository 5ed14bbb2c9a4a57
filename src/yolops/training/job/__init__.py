"""A training inside a training job of SageMaker."""
