"""Probes on cached features: what a ridge or the nearest neighbours read off vectors.

A probe is an instrument with a known bias: fine-tuning reaches labels that it does not see.
"""
