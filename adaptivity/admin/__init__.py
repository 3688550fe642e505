"""The Django admin, one module per aggregate."""
