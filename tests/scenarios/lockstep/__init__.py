"""Clients that are commands, in virtual time, as the runner, `explore` and capsules use them."""
