"""Cards and pages: what people read about a dataset or a result."""
