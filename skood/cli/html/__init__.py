"""The parts of the commands' reports: HTML in one file, without a script and without a network."""
