"""The adaptive-learning engine: what a learner has mastered, and which activity helps most now."""
