"""Oracles about what a client costs the server."""
