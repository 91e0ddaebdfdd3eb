"""The only place with time and cables: clock, owned tasks, driver, ticker, tape, log, servers."""
