"""What the commands print: tables and progress, drawings of a run, the summary of a CI job."""
