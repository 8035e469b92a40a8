"""`skood watch`: files as they come, what was taken of them, and the report."""
