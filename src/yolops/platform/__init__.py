"""A deployment: the workspace it belongs to, what describes it, and the server it runs."""
