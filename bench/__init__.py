"""What a call costs, measured beside others in the same run: see `bench/README.md`."""
