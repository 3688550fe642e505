"""What the subjects need of a database beyond Django's: SQL in batches, and writes that others may overtake.

It knows no model and no subject, so every room above may import it.
"""
