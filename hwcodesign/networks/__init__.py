"""Networks with exits, and what is made of them before hardware is."""
