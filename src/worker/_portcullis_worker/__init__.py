"""A worker process for a Python application: `boot.py` begins it."""
