"""Pipelines of steps that depend on one another: declared as data, run here or rendered for AWS Step Functions."""
