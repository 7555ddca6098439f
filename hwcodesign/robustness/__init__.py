"""This package measures how early exits behave under an attack."""
