"""Health: every part of a deployment taken away and given back."""
