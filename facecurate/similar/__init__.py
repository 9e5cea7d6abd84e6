"""Pictures that are the same picture: hashes, joins, verification, clusters."""
