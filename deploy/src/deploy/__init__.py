"""Builds, ships and runs the service on AWS ECS Fargate. Imports nothing of the service."""
