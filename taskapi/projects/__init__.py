"""/projects: what your tasks are gathered in."""
