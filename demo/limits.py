"""How much a user may upload and export; demo/.streamlit/config.toml repeats ``LARGEST_ZIP`` for the server."""

MEGABYTE = 2**20

MOST_FILES = 200  # images uploaded at once
LARGEST_UPLOAD = 20  # MB an image
LARGEST_PIXELS = 4_000_000  # of one image: about ten seconds of work on two cores
LARGEST_TOTAL = 20_000_000  # pixels of all images together; a ZIP has about 8 bytes for each
LARGEST_ZIP = 200  # MB, packed and unpacked
LONGEST_EDITS = 20_000  # characters of all changes to an input
LONGEST_TEXT = 300  # characters of a name from outside
