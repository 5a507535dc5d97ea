"""/projects: groups of your tasks."""
