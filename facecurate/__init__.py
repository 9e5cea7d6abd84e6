"""Build, measure and train on face datasets for representation learning."""

__version__ = "0.1.0"

FORMAT = 1  # the number every Parquet file, JSON and checkpoint carries as facecurate.format
