"""/tasks: the tasks of the caller."""
