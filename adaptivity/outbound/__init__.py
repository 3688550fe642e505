"""Requests to other hosts: the HTTP client, and the addresses that it may connect to.

Whatever calls a host that a user named uses this client, because it refuses private and metadata addresses.
"""
