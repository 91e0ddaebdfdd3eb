"""How the parties of a warm transfer are connected: one file for each way."""
