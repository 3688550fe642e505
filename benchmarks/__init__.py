"""Measures the service's requests per second against a floor measured in the same run: ``python -m benchmarks``."""
