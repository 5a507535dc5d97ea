"""/labels: the labels of your tasks."""
