"""Starts the Gradio app: the same core and the same viewer as the Streamlit app, and endpoints for programs.

Start it with ``python -m unet demo --gradio``; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens.

    from gradio_client import Client, handle_file
    client = Client("http://localhost:7860")
    mask, report = client.predict(handle_file("section.png"), api_name="/predict")
    maps, report = client.predict(handle_file("section.png"), "skip1", api_name="/trace")
    mask, report = client.predict(handle_file("section.png"), ["skip1", "skip2"], "mean", api_name="/ablate")
    heat, report = client.predict(handle_file("section.png"), 40, 52, api_name="/explain_pixel")
"""

import os
import sys
from pathlib import Path


def main() -> None:
    """Serves the page until Ctrl-C."""
    # Run as a script, this folder is on the path; the package `demo` is found from the one above, before any other.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from demo import process

    process.prepare()  # before PyTorch is loaded
    from demo.gradio_page import build, look
    from demo.limits import LARGEST_UPLOAD
    from unet.files.images import quiet_decoders

    quiet_decoders()
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    page = build().queue(max_size=64)
    try:  # of a named port Gradio takes that or none; otherwise it would silently listen on another
        page.launch(server_port=int(port), max_file_size=f"{LARGEST_UPLOAD}mb", footer_links=["api"], **look())
    except OSError:
        sys.exit(f"expected port {port} to be free, got one that is taken; name another with GRADIO_SERVER_PORT")


if __name__ == "__main__":
    main()
