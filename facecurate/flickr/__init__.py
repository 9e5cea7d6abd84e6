"""Flickr: client, failures, budgets, licenses, rows, the gate, and the walk through a search."""
