"""Oracles about time: steps and deliveries come to their end within a bound, and nobody makes a busy loop."""
