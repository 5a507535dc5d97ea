"""Tasks as files: taken out, and brought back in."""
