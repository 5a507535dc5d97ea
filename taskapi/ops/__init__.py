"""Health, for those who keep it running."""
