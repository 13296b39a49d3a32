"""The formats of files that hold documents, one module a format."""
