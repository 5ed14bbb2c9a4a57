"""Talking to MLflow in any mode: clients, the run logger and its spool, questions about runs."""
