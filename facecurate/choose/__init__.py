"""A smaller set: strategies, their comparison, and what frames and people are worth."""
