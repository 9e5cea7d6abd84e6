"""Datasets that people hold: what is known about them, and what reads and writes their files."""

DATASETS: dict[str, str] = {"300w": "facecurate.datasets.ibug300w:IBUG300W"}
