"""Servers on this machine that answer as sources of content do, with the standard library: for the demo and tests."""
