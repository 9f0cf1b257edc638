"""Milvus instead of FAISS: a collection a model, beside the segments of the library folder, which remain the truth."""
