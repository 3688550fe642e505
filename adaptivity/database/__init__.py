"""What the subjects need from a database beyond Django: SQL in batches, and writes that others may overtake.

It knows no model and no subject, so every room above may import it.
"""
