"""Raw file formats in and out; nothing here executes what a file says."""
