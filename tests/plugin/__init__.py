"""The pytest plugin, as those meet it who have gapless installed and test a client of their own."""
