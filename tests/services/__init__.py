"""Real servers the tests talk to, each started in a folder and on ports of its own."""
