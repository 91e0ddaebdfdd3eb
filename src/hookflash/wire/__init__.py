"""How each peer spells it: pure parse and dump, no sockets, no clock."""
