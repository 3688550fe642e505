"""Requests to other hosts: the HTTP client, and the addresses that it may connect to.

Code that calls a host named by a user must use this client, because it refuses private and metadata addresses.
"""
