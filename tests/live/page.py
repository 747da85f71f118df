"""What a test does in the page of a host, as a user would."""

from playwright.sync_api import expect

ACCORDION = ".input-accordion-checkbox"


def open_page(page, host, theme="dark"):
    page.goto(f"{host.url}/?__theme={theme}")
    page.wait_for_selector("#hypersd_txt2img_enable .input-accordion-checkbox")
    expect_status(page, f"{host.first_checkpoint}: SD1.")  # the family, or the architecture once it is loaded


def expect_status(page, text, tab="txt2img"):
    expect(page.locator(f"#hypersd_{tab}_status").first).to_contain_text(text, timeout=120_000)


def toggle(page, tab="txt2img"):
    page.locator(f"#hypersd_{tab}_enable {ACCORDION}").click()


def badges(page):
    return page.locator(".hypersd-badge").all_inner_texts()


def generate(page):
    """Press Generate, wait for the image, and return what is written below it."""
    page.locator("#txt2img_generate").click()
    page.wait_for_function("document.querySelector('#txt2img_interrupt').style.display === 'block'")
    page.wait_for_function("document.querySelector('#txt2img_interrupt').style.display === 'none'", timeout=120_000)
    page.wait_for_function("/Steps: /.test(document.querySelector('#html_info_txt2img').innerText)")
    return "\n".join(page.locator(f"#html_{what}_txt2img").first.inner_text() for what in ("info", "log"))


def set_size(page):
    for name in ("width", "height"):
        page.locator(f"#txt2img_{name} input[type=number]").fill("64")
        page.keyboard.press("Tab")


def from_menu(page, item):
    """Right-click where the Generate button is, or the Interrupt button that covers it, and take an item."""
    box = page.locator("#txt2img_generate").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, button="right")
    page.locator("#context-menu").get_by_text(item, exact=True).click()


def choose(page, dropdown, name):
    """Take one of a gradio 4 list as by keyboard: what is typed filters it, and the arrow goes to what is left."""
    dropdown.fill(name)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def paste(page, text):
    page.locator("#txt2img_prompt textarea").fill(text)
    page.locator("#txt2img_tools #paste").click()
