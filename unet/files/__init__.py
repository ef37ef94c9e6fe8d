"""Files from anywhere and files of our own: images, folders, archives, whole writes."""
