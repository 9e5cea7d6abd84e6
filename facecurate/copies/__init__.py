"""What a dataset brings to the search for copies: hashes of its pictures, their rows, its crops."""
