"""Files of a user: images, folders and archives that are read, and files that are written whole."""
