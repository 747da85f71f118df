"""ComfyUI's page in a browser, as a user sees it."""

# At each load of ComfyUI 0.3.64's own page, with no pack at all: a setting of its own is changed before the graph is there.
OF_THE_HOST = {"Cannot read properties of undefined (reading 'id')"}


def load(page, url: str) -> None:
    """Load the page, and wait until it takes workflows."""
    page.goto(url)
    page.wait_for_function("window.app?.graph && window.app.extensionManager")
    page.wait_for_timeout(6000)
    page.keyboard.press("Escape")  # the templates that a first visit shows
    page.evaluate("() => app.extensionManager.setting.set('Comfy.Minimap.Visible', false)")


def open_workflow(page, workflow: dict) -> dict:
    """Load a workflow as the page saves them; what it would queue, in API form."""
    page.evaluate("workflow => app.loadGraphData(workflow)", workflow)
    return page.evaluate("async () => (await app.graphToPrompt()).output")
