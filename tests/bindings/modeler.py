"""Camunda Modeler's canvas, palette and properties panel (npm `camunda-bpmn-js`) in a real Chromium."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Locator, Page

from tests.bindings import npm
from tests.chromium import launched

PATIENCE_MS = 120_000
_EMPTY = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
  xmlns:modeler="http://camunda.org/schema/modeler/1.0" id="drawn_definitions" targetNamespace="fairlead"
  modeler:executionPlatform="Camunda Cloud" modeler:executionPlatformVersion="8.6.0">
  <bpmn:process id="drawn" isExecutable="true"><bpmn:startEvent id="start" /></bpmn:process>
  <bpmndi:BPMNDiagram id="diagram"><bpmndi:BPMNPlane id="plane" bpmnElement="drawn">
    <bpmndi:BPMNShape id="start_di" bpmnElement="start"><dc:Bounds x="160" y="160" width="36" height="36" />
  </bpmndi:BPMNShape></bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</bpmn:definitions>"""
_PAGE = """<!doctype html><style>
  body { margin: 0; display: flex; height: 100vh; font-family: sans-serif }
  #canvas { flex: 1 } #panel { width: 400px; overflow: auto; border-left: 1px solid #ccc }
</style><div id=canvas></div><div id=panel></div>"""


class Modeler:
    """A new diagram with a start event."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def open(self, templates: list[object]) -> list[str]:
        """Open the diagram with these templates; returns what the modeler has to say against them."""
        faults: list[str] = await self._page.evaluate(
            """async ([xml, templates]) => {
                window.modeler = new BpmnModeler({ container: '#canvas', propertiesPanel: { parent: '#panel' } });
                const faults = [];
                modeler.on('elementTemplates.errors', ({ errors }) => faults.push(...errors.map(e => e.message)));
                await modeler.importXML(xml);
                modeler.get('elementTemplatesLoader').setTemplates(templates);
                return faults;
            }""",
            [_EMPTY, templates],
        )
        return faults

    async def append(self, after: str, search: str, template: str) -> str:
        """Append an element by its template, found in the menu by a search; returns the element's id."""
        await self._page.locator(f".djs-element[data-element-id={after}]").first.click()
        await self._page.locator(".djs-context-pad .entry[data-action=append]").click()
        await self._page.locator(".djs-popup-search input").press_sequentially(search)
        await self._page.locator(f'.djs-popup .entry[data-id="append.template-{template}"]').click()
        await self._page.locator(".bio-properties-panel-header").get_by_text(search, exact=False).first.wait_for()
        ids: list[str] = await self._page.evaluate("modeler.get('selection').get().map(element => element.id)")
        return ids[0]

    async def append_end(self) -> None:
        """Append an end event to what is selected."""
        await self._page.locator('.djs-context-pad .entry[data-action="append.end-event"]').click()

    def field(self, label: str) -> Locator:
        """An entry of the properties panel."""
        named = self._page.locator("label", has_text=label)
        return self._page.locator("#panel .bio-properties-panel-entry", has=named).first

    async def choose(self, label: str, choice: str) -> None:
        """Choose from a list in the properties panel."""
        await self.field(label).locator("select").select_option(choice)

    async def write_expression(self, label: str, expression: str) -> None:
        """Write FEEL, without the ``=``, into a field of the properties panel."""
        await self.field(label).locator(".cm-content").click()
        await self._page.keyboard.insert_text(expression)
        await self._page.keyboard.press("Tab")

    async def save(self) -> str:
        """The diagram as XML."""
        xml: str = await self._page.evaluate("modeler.saveXML({ format: true }).then(({ xml }) => xml)")
        return xml

    async def picture(self, file: Path) -> None:
        """A screenshot."""
        await self._page.screenshot(path=file)


@contextlib.asynccontextmanager
async def open_modeler() -> AsyncIterator[Modeler]:
    """A modeler in Chromium; nothing is loaded from the network."""
    async with launched() as browser:
        npm.install()
        built = npm.MODULES / "camunda-bpmn-js" / "dist"
        page = await browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        await page.route("**/*", lambda route: route.abort())
        await page.set_content(_PAGE)
        for style in [*sorted((built / "assets").glob("*.css")), built / "assets/bpmn-font/css/bpmn-embedded.css"]:
            await page.add_style_tag(path=style)
        await page.add_script_tag(path=built / "camunda-cloud-modeler.production.min.js")
        yield Modeler(page)
