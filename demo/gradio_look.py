"""How the Gradio page looks: the typeface, sizes and colours that the Streamlit app takes from its config.toml."""

import tomllib
from pathlib import Path
from typing import Any

import gradio as gr

SETTINGS = tomllib.loads((Path(__file__).parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
# Streamlit's own typeface; Gradio brings its regular and its bold files along, under the name it had before.
TYPEFACE = gr.themes.LocalFont("Source Sans Pro", weights=(400, 700))

# The page has all the room beside a sidebar that starts with plain labels, as in Streamlit.
STYLE = """
:root:has(body.dark) { color-scheme: dark; }
.gradio-container.gradio-container { overflow: clip; } /* where that is hidden, nothing in it can stay in sight */
.gradio-container .main.fillable { max-width: 125rem; padding: 1rem 1.5rem 1.5rem; }
.gradio-container .html-container:has(.brand, .viewer-host, .said) { padding: 0; }
.gradio-container .block:has(> .html-container .said:empty) { display: none; }
.gradio-container .brand { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.8rem; }
.gradio-container .brand h1 { margin: 0; font-size: 1.35rem; font-weight: 700; }
.gradio-container .brand p { margin: 0; }
.gradio-container .unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; }
.gradio-container .sidebar:not(.open) ~ .block .brand { padding-left: 1.5rem; } /* beside the button that opens it */
.gradio-container .sidebar.open { border-right: 1px solid var(--border-color-primary); box-shadow: none; }
.gradio-container .sidebar-content { padding: 1.5rem 1.75rem; }
.gradio-container .sidebar :is(.form, .block) { overflow: visible; border: 0; padding: 0; background: none; }
.gradio-container .sidebar :is(.caption, .caption *) {
  color: var(--body-text-color-subdued);
  font-size: var(--text-sm);
}
.gradio-container .sidebar input { padding-right: 1.75rem; text-overflow: ellipsis; } /* before the arrow */
.gradio-container .sidebar button.md::before { content: "↥"; margin-right: 0.5rem; }
.gradio-container :is(button, input:not([role="combobox"]), textarea):focus-visible {
  outline: 2px solid var(--color-accent);
  outline-offset: 1px;
}
.gradio-container input[type="range"] { --neutral-200: var(--border-color-primary); } /* the unfilled part */
.gradio-container .block:not(.gr-accordion):has(.empty):has(> .wrap.hide) { display: none; } /* nothing is asked for */
.gradio-container footer .divider { display: none; } /* between one thing and nothing */
@media (pointer: coarse) { /* 44 pixels: a finger's width */
  .gradio-container.gradio-container .sidebar .toggle-button { width: 44px; height: 44px; }
  .gradio-container .sidebar:not(.open) ~ .block .brand { padding-left: 44px; }
  .gradio-container :is(button.md, button.lg, .tab-container button) { min-height: 44px; }
}
@media (max-width: 768px) {
  .gradio-container .main.fillable { padding: 12px; }
  .gradio-container .sidebar:not(.open) { top: -12px; margin-left: -12px; position: absolute; } /* it scrolls away */
}
"""


def theme() -> gr.themes.ThemeClass:
    """Streamlit's theme for Gradio, light and dark: which of the two the user's system says, as in Streamlit."""
    light, dark = SETTINGS["light"], SETTINGS["dark"]
    size, radius = SETTINGS["baseFontSize"], SETTINGS["baseRadius"]
    text = {"xxs": 11, "xs": 12, "sm": size * 0.875, "md": size, "lg": size * 1.1, "xl": size * 1.35, "xxl": size * 1.9}
    found = gr.themes.Base(
        font=[TYPEFACE, "sans-serif"],
        text_size=gr.themes.Size(**{name: f"{pixels:g}px" for name, pixels in text.items()}, name="text_salt"),
        radius_size=gr.themes.Size(**dict.fromkeys(text, radius), name="radius_salt"),
    )
    found.set(
        **_colors(light),
        **{f"{name}_dark": color for name, color in _colors(dark).items()},
        block_label_text_size="*text_sm",
        block_title_text_size="*text_sm",
        block_title_text_weight="400",
        button_border_width="1px",
        button_large_text_size="*text_md",
        button_large_text_weight="400",
        button_medium_text_size="*text_sm",
        button_medium_text_weight="400",
        checkbox_border_radius="3px",
        input_border_width="1px",
        input_padding="6px 10px",
        input_text_size="*text_sm",
        layout_gap="0.9rem",
        prose_header_text_weight="700",
    )
    # Of the accent alone `set` takes none for dark; Gradio reads it from the object as it reads all others.
    vars(found).update(primary_500=light["primaryColor"], primary_500_dark=dark["primaryColor"])
    return found


def head(style: str) -> str:
    """What the page's head holds: a style sheet for what is on it, this one, and the size that others are relative to.

    Of a style sheet given to ``launch`` as such Gradio drops the container queries.
    """
    return f"<style>{style}{STYLE}html {{ font-size: {SETTINGS['baseFontSize']}px; }}</style>"


def _colors(scheme: dict[str, Any]) -> dict[str, str]:
    """Gradio's names for the colours of Streamlit's light or dark scheme."""
    page, text, primary = (scheme[f"{name}Color"] for name in ("background", "text", "primary"))
    sidebar = scheme["sidebar"]
    named = (
        (page, "body_background_fill background_fill_primary block_background_fill block_label_background_fill "
         "checkbox_label_background_fill panel_background_fill table_even_background_fill button_primary_text_color"),
        (sidebar["backgroundColor"], "background_fill_secondary"),
        (sidebar["secondaryBackgroundColor"], "input_background_fill button_secondary_background_fill "
         "checkbox_background_color"),
        (scheme["secondaryBackgroundColor"], "code_background_fill table_odd_background_fill "
         "button_secondary_background_fill_hover checkbox_label_background_fill_hover"),
        (text, "body_text_color block_label_text_color block_title_text_color accordion_text_color table_text_color "
         "button_secondary_text_color checkbox_label_text_color"),
        (f"color-mix(in srgb, {text} 72%, {page})", "body_text_color_subdued block_info_text_color "
         "input_placeholder_color"),
        (scheme["borderColor"], "border_color_primary block_border_color block_label_border_color panel_border_color "
         "input_border_color table_border_color checkbox_border_color checkbox_label_border_color "
         "button_secondary_border_color"),
        (primary, "border_color_accent input_border_color_focus slider_color loader_color checkbox_border_color_focus "
         "checkbox_background_color_selected checkbox_border_color_selected button_primary_background_fill "
         "button_primary_background_fill_hover button_primary_border_color button_primary_border_color_hover "
         "button_secondary_border_color_hover"),
        (f"color-mix(in srgb, {primary} 16%, {page})", "color_accent_soft checkbox_label_background_fill_selected "
         "table_row_focus"),
        (scheme["linkColor"], "link_text_color link_text_color_active link_text_color_hover link_text_color_visited"),
        ("none", "block_shadow input_shadow input_shadow_focus"),
    )  # fmt: skip
    return {name: color for color, names in named for name in names.split()}
