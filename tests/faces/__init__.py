"""The client on asyncio, on trio and with blocking calls: on a real port, and through the catalog in virtual time."""
