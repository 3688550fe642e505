"""Local servers that answer as sources of content do, for the demo and tests. They use only the standard library."""
