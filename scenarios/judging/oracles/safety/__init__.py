"""Oracles about events: what is held, delivered and claimed is true, and no event is lost or made twice."""
