"""What tests do with the dialog in which code and figures are taken along."""

from xml.etree import ElementTree

from playwright.sync_api import expect

from demo.images import open_sample

STOCK = open_sample("Salt stock")
HOSTILE, TRUTH = """it's "a" <b>\n\\ #1.png""", "its truth.png"  # names of files
SVG = "{http://www.w3.org/2000/svg}"


def take(page, what, view):
    """Opens the dialog of a view; the page stays as it is."""
    page.get_by_test_id("figure" if what == "figure" else "copy-python").click()
    page.get_by_test_id("take-view").select_option(view)
    expect(page.get_by_test_id("take-problem")).to_have_text("")


def leave(page):
    page.get_by_test_id("take-close").click()


def save(page, button, folder):
    """Saves what a button makes, under the name that it gives."""
    with page.expect_download() as download:
        page.get_by_test_id(button).click()
    download.value.save_as(folder / download.value.suggested_filename)
    return download.value.suggested_filename


def figure(page, view, folder):
    """The SVG of a view as (its text, its root)."""
    take(page, "figure", view)
    expect(page.get_by_test_id("figure-preview")).to_be_visible()
    content = (folder / save(page, "figure-svg", folder)).read_text(encoding="utf-8")
    return content, ElementTree.fromstring(content)


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]
