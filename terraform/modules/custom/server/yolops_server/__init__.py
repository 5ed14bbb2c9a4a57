"""What runs beside MLflow on the server of custom mode. It is installed by user data, so it is small and by itself."""
