"""`python -m tests.determinism`: the catalog on published clients in two processes, digest by digest."""
