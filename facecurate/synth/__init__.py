"""Rendered faces with exact labels: own geometry, no model of anybody's face."""
