"""Recommends what to do next: recommendations, grades, experiments with the engine's settings, and decision receipts.

Other rooms may import `services`, `selectors` and `jobs`.
"""
