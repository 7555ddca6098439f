"""What becomes of early exits when somebody means them harm."""
