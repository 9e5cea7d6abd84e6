"""Copies looked at: ``dedupe.html``, and thresholds measured on pairs that somebody labelled."""
