"""Draws the diagram, the tables and the forms in Chromium, with the same libraries that Camunda Modeler uses.

Run it after a change: ``python tests/lint/render.py`` writes ``docs/pictures/*.png``; then look at them.
Needs ``npm ci`` in this folder and Debian's Chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = HERE / "node_modules"
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
SAMPLES = HERE / "form_samples.json"
STYLE = "body { margin: 0; background: #fff; } #it { padding: 16px; }"


def diagram(page: Page, file: Path) -> None:
    """One picture of a BPMN diagram, cut to its drawing."""
    _blank(page, [MODULES / "bpmn-js/dist/assets/diagram-js.css", MODULES / "bpmn-js/dist/assets/bpmn-js.css"])
    page.add_script_tag(path=MODULES / "bpmn-js/dist/bpmn-viewer.production.min.js")
    svg = page.evaluate(
        """async xml => {
            const viewer = new BpmnJS({ container: '#it' });
            const { warnings } = await viewer.importXML(xml);
            if (warnings.length) throw new Error(warnings.map(w => w.message).join('; '));
            return (await viewer.saveSVG()).svg;
        }""",
        file.read_text(),
    )
    page.set_content(
        f"<style>{STYLE} svg {{ display: block }}</style><div id=it style='display: inline-block'>{svg}</div>"
    )
    page.locator("#it").screenshot(path=PICTURES / f"{file.stem}.png")


def tables(page: Page, file: Path) -> None:
    """One picture for each view of a DMN file: the requirements diagram and each decision."""
    assets = MODULES / "dmn-js/dist/assets"
    _blank(page, [*sorted(assets.glob("*.css")), assets / "dmn-font/css/dmn-embedded.css"])
    page.add_script_tag(path=MODULES / "dmn-js/dist/dmn-viewer.production.min.js")
    page.add_style_tag(content="#it { width: 1900px; height: 900px } .dmn-js-parent { overflow: visible }")
    names: list[str] = page.evaluate(
        """async xml => {
            window.viewer = new DmnJS({ container: '#it' });
            const { warnings } = await viewer.importXML(xml);
            if (warnings.length) throw new Error(warnings.map(w => w.message).join('; '));
            return viewer.getViews().map(v => v.element.id);
        }""",
        file.read_text(),
    )
    for number, name in enumerate(names):
        kind: str = page.evaluate(
            """async number => {
                const view = viewer.getViews()[number];
                await viewer.open(view);
                if (view.type === 'drd') viewer.getActiveViewer().get('canvas').zoom('fit-viewport');
                if (view.type === 'decisionTable') {
                    // A table that is larger than the window would be cut.
                    const it = document.getElementById('it'), table = document.querySelector('.tjs-table, table');
                    it.style.width = `${Math.max(1900, table.offsetWidth + 40)}px`;
                    it.style.height = `${Math.max(900, table.offsetHeight + 160)}px`;
                }
                return view.type;
            }""",
            number,
        )
        part = {"drd": "#it", "decisionTable": ".tjs-container"}.get(kind, ".dmn-literal-expression-container")
        page.locator(part).first.screenshot(path=PICTURES / f"{file.stem if kind == 'drd' else name}.png")


def form(page: Page, file: Path, data: dict[str, Any]) -> None:
    """One picture of a form, filled with sample data as Tasklist would fill it."""
    assets = MODULES / "@bpmn-io/form-js-viewer/dist/assets"
    _blank(page, [assets / "form-js.css", assets / "flatpickr/light.css"])
    bundle = subprocess.run(
        [MODULES / ".bin/esbuild", "--bundle", "--minify", "--format=iife", "--global-name=FormViewer",
         str(MODULES / "@bpmn-io/form-js-viewer/dist/index.es.js")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    page.add_script_tag(content=bundle)
    page.add_style_tag(content="#it { width: 860px }")
    page.evaluate(
        """async ([schema, data]) => {
            const form = new FormViewer.Form({ container: '#it' });
            await form.importSchema(schema, data);
        }""",
        [json.loads(file.read_text()), data],
    )
    page.locator(".fjs-form").first.screenshot(path=PICTURES / f"form_{file.stem}.png")


def _blank(page: Page, styles: list[Path]) -> None:
    page.set_content(f"<style>{STYLE}</style><div id=it></div>")
    for style in styles:
        page.add_style_tag(path=style)


def main(wanted: list[str]) -> None:
    """Draw everything, or the files with the names in ``wanted``."""
    PICTURES.mkdir(exist_ok=True)
    samples = json.loads(SAMPLES.read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 2000, "height": 1000})
        for file in sorted(ROOT.glob("bpmn/*.bpmn")):
            if not wanted or file.name in wanted:
                diagram(page, file)
        for file in sorted(ROOT.glob("dmn/*.dmn")):
            if not wanted or file.name in wanted:
                tables(page, file)
        for file in sorted(ROOT.glob("forms/*.form")):
            if not wanted or file.name in wanted:
                form(page, file, samples[file.stem])
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
