"""What `.ci/run` does beyond the tests: it explores our client, and compares what fails with the parent commit."""
