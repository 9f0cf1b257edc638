"""Indexing spread over the machines of a Ray cluster (the extra `cluster`): the same stages, and one writer."""
