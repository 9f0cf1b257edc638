"""The REST API below /api/v1, and its description as an OpenAPI 3.1 document that is built from the code."""
