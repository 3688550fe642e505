"""Pure numpy: knowledge tracing, recommendation and grading. Arrays in, arrays out; no Django, no I/O."""
