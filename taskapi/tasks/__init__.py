"""/tasks: your own tasks, and nobody else's."""
