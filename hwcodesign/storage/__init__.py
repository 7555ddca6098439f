"""This package writes files and folders that are complete or absent, and reads only data with the right types and
hashes.
"""
