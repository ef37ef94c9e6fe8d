"""Two front ends over one core: Streamlit in ``app.py``, Gradio in ``gradio_app.py``."""

import os

# Read when torch is loaded.  The default lets torch's threads spin while they wait for each other.  Every visitor has
# threads of their own: as soon as two of them, or a browser on the same machine, want a core, an answer takes ten times
# as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
