"""Mutation testing of the client's core: does the scenario suite notice small changes in it? ``make mutation``."""
