"""/labels: the words on your tasks."""
