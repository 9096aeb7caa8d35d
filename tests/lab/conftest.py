"""What the tests of JupyterLab share."""

import lab_under_test as lab
import pytest
import site_under_test as site
from playwright.sync_api import sync_playwright


@pytest.fixture
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**site.LAUNCH)
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        opened = context.new_page()
        opened.set_default_timeout(lab.PATIENCE)
        yield opened
        browser.close()
