"""`skood watch`: reads new files, remembers the rows that it took, and writes the report."""
