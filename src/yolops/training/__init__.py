"""A training run: what was asked for, the trainer that does it, and what reaches MLflow."""
