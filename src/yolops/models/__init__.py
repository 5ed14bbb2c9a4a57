"""A trained model: the MLflow model it becomes, and the registry it lives in."""
