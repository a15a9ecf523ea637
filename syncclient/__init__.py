"""syncclient."""
