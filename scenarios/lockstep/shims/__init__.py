"""One folder for each language: what is put into a client's process. Nothing here is imported by the harness."""
