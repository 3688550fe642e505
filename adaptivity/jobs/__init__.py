"""Jobs with a finite run: they read from outside and call services. What runs them shows their progress."""
