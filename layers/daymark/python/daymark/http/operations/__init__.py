"""Day runs, tasks and reports."""
