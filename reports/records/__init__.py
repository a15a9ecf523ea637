"""What is known about runs, as frozen values, and how they are stored and read again.

In reading order:

- ``record.py``       a run's record and its parts; the verdicts and their exit codes
- ``results.py``      the records of many runs, with their journals: what every report is made from
- ``clocks.py``       how long runs took, in simulated and in real time
- ``failures.py``     what failed; runs that failed alike are grouped
- ``never.py``        what never happened in all runs of a campaign
- ``json.py``         records as one JSON object, schema ``gapless/records/1``
- ``json_lines.py``   the same records, one on each line
- ``reading.py``      reads such an object back, strictly
- ``json_schema.py``  makes ``records.schema.json``, the JSON schema of the object
- ``journals.py``     compressed journals, in memory and in one zip file
- ``characters.py``   replaces characters that a format cannot hold
"""
