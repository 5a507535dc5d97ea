"""Operation: health checks, logs, metrics and the drain before a shutdown."""
