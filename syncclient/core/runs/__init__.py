"""The run in progress: whose is it, is it over, and is all of it held?

- `runs.py`             what is done about it, from `run()` to its report
- `run_in_progress.py`  what is known of it, and which reports about its end are believed
- `run_in_log.py`       what the log shows of it
- `certificates.py`     what proves that all of it is held
- `proof_reading.py`    what is asked while nothing proves it
- `phases.py`           the table of its phases
- `endings.py`          what is said about an end
- `messages.py`         who has spoken, and so whose a run may be
"""
