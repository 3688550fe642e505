"""Builds, ships and runs the service on AWS ECS Fargate. It imports nothing from the service."""
