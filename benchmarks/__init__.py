"""What the service does in a second, against a floor of the same run; ``python -m benchmarks``."""
