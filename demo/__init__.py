"""Two front ends over one core: Streamlit in ``app.py``, Gradio in ``gradio_app.py``."""
