"""Learning platforms whose courses are read through an API: one module for each, and the `registry` that lists them."""
