"""Files, folders and data on disk: whole, held to types and hashes, or not believed."""
