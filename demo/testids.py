"""Names for what Streamlit draws, so that tests find a control by what it is for and not by how it is drawn."""

# A download button with a key has that key as its data-testid.  Streamlit draws buttons anew when it likes, and the
# document outlives its pages, so one observer names them as they come.
SCRIPT = """
<script>
  window.saltTestids ??= (() => {
    const nameButtons = () => {
      for (const button of document.querySelectorAll('[class*="st-key-"] [data-testid="stDownloadButton"] button')) {
        const [, key] = button.closest('[class*="st-key-"]').className.match(/st-key-(\\S+)/);
        button.dataset.testid = key;
      }
    };
    nameButtons();
    const observer = new MutationObserver(nameButtons);
    observer.observe(document.body, { childList: true, subtree: true });
    return observer;
  })();
</script>"""
