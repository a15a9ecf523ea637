"""Tests of lockstep: the protocol, the shims, and programs on real libraries in a simulated world."""
