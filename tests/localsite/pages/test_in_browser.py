"""
The pages in headless Chromium: what the page's script does, and how the pages look in both widths and color schemes.
"""

import shutil
import tempfile

import pytest

from sgextended.localsite import LocalSite

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
webdriver = pytest.importorskip("selenium.webdriver", reason="left out: Selenium is not installed (extra dev)")
pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="left out: Chromium or its driver is not installed (apt install chromium chromium-driver)",
    ),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # the official client's uploads
]

WORDS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
)
GUARD = 30  # seconds
NASTY = "<img src=x onerror=\"document.title='owned'\">"
PAGES = ("/", "/records/Shot", "/records/Task", "/detail/Project/1", "/detail/Shot/1", "/calls", "/calls/1")


@pytest.fixture(scope="module")
def chromium():
    """
    A Chromium that all tests of this module share.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in (*WORDS, f"--user-data-dir={folder}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        driver.set_page_load_timeout(GUARD)
        yield driver
        driver.quit()


@pytest.fixture(scope="module")
def site(make_connection):
    """
    A site with a project, whose records have long names, names from right to left and names that look like HTML.
    """
    with LocalSite() as site:
        sg = make_connection(site)
        project = sg.create("Project", {"name": NASTY})
        long = "word " * 200
        for code in ("a1", "b" * 300, "שלום (1)", NASTY):
            shot = sg.create("Shot", {"code": code, "project": project, "description": long, "sg_cut_in": 1001})
            sg.create("Task", {"content": "comp", "entity": shot, "project": project, "due_date": "2026-12-24"})
        sg.create(
            "Note", {"subject": NASTY, "content": long, "project": project, "note_links": [{"type": "Shot", "id": 1}]}
        )
        sg.close()
        yield site


@pytest.fixture(scope="module")
def browser(chromium, site):
    """
    That Chromium, after a person has opened the address of the site.
    """
    chromium.get(getattr(site, "page_url", site.url))
    return chromium


@pytest.fixture
def until():
    """
    Waits until a function returns something true, and returns that.
    """
    from selenium.webdriver.support.ui import WebDriverWait

    def wait(browser, condition):
        return WebDriverWait(browser, GUARD, poll_frequency=0.1).until(lambda _browser: condition())

    return wait


def choose(browser, name, value):
    browser.execute_script(
        "const it = document.querySelector(`select[name=${arguments[0]}]`); it.value = arguments[1];"
        "it.dispatchEvent(new Event('change'));",
        name,
        value,
    )


def operators(browser):
    return browser.execute_script("return [...document.querySelector('select[name=is]').options].map(o => o.text)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 500])
def test_pages_fit_and_have_the_readers_colors(browser, site, width, scheme):
    """
    No page is wider than the window, each has the colors of the chosen scheme, and none breaks the security policy.
    """
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get_log("browser")
    for path in PAGES:
        browser.get(site.url + path)
        back = browser.execute_script(
            "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )

        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
        assert browser.title != "owned"
        assert (max(back) < 60) is (scheme == "dark"), path
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_the_menu_follows_the_field(browser, site, until):
    """
    The conditions are those of the chosen field, dates have words of their own, and a status has its values.
    """
    browser.get(f"{site.url}/records/Shot")
    assert operators(browser)[:2] == ["contains", "does not contain"]

    choose(browser, "field", "sg_cut_in")
    assert operators(browser) == ["is", "is not", "above", "below", "contains", "is empty", "is not empty"]

    choose(browser, "field", "created_at")
    assert operators(browser) == ["in", "not in", "after", "before", "is empty", "is not empty"]

    choose(browser, "field", "sg_status_list")
    listed = "return document.querySelector('input[name=value]').list.options.length"
    assert browser.execute_script(listed) > 2

    choose(browser, "field", "sg_sequence")
    choose(browser, "is", "empty")
    browser.execute_script("document.querySelector('form.find').requestSubmit()")
    until(browser, lambda: "is=empty" in browser.current_url)
    assert browser.execute_script("return document.querySelector('.chips li').innerText").startswith(
        "Sequence is empty"
    )
    assert browser.execute_script("return document.querySelectorAll('tbody tr').length") == 4


def test_long_texts_open(browser, site):
    """
    A folded text shows its beginning; opened, it shows the whole text once.
    """
    browser.get(f"{site.url}/detail/Shot/1")
    shown = "return document.querySelector('.fields .long').innerText"
    folded = browser.execute_script(shown)
    browser.execute_script("document.querySelector('.fields .long summary').click()")
    opened = browser.execute_script(shown)

    assert "show all" in folded
    assert folded.count("word") < 200
    assert opened.count("word") == 200
    assert "show less" in opened


def test_new_calls_and_sums_appear_by_themselves(browser, site, until):
    """
    A later call and the new sums appear without a reload, and what the client sends is escaped.
    """
    browser.get(f"{site.url}/calls")
    sums = "return document.querySelector('.sums').innerText"
    before = browser.execute_script(sums)
    fields = {"entity_type": "Shot", "started": 0.0, "seconds": 0.0, "rows": 7, "ok": False}
    site.ledger.add(rpc="after_the_page", user_agent=NASTY, message=NASTY, who=NASTY, **fields)
    row = until(browser, lambda: browser.execute_script("return document.querySelector('tr.new')?.innerText"))

    assert "after_the_page" in row
    assert NASTY in row
    assert browser.execute_script(sums) != before
    assert browser.title == "Calls · local site"


def test_pictures_of_a_page_are_no_calls(browser, site, make_connection, tmp_path):
    """
    The browser loads a thumbnail for a page. The page of calls leaves it out.
    """
    from PIL import Image

    Image.new("RGB", (32, 18), (200, 30, 30)).save(tmp_path / "a.png")
    sg = make_connection(site)
    sg.upload_thumbnail("Shot", 1, str(tmp_path / "a.png"))
    sg.close()
    browser.get(f"{site.url}/detail/Shot/1")
    width = browser.execute_async_script(
        "const done = arguments[0], it = document.querySelector('.picture');"
        "it.decode().then(() => done(it.naturalWidth), () => done(0))"
    )
    browser.get(f"{site.url}/calls")

    assert width > 0
    assert any(entry.rpc == "download" for entry in site.ledger.entries)
    assert "download" not in browser.execute_script("return document.querySelector('tbody').innerText")
