"""YOLO datasets: read, check, convert, generate, fingerprint, keep versions."""
