// Draws a deployed diagram with bpmn-js and lays the figures of the page over it.
"use strict";
(async () => {
  const place = document.getElementById("diagram");
  if (!place) return;
  const viewer = new BpmnJS({ container: place });
  const canvas = viewer.get("canvas"), overlays = viewer.get("overlays"), elements = viewer.get("elementRegistry");
  // On a screen too small for the whole in readable letters, what has the strongest shade comes first.
  const TOO_SMALL = 0.3, READABLE = 0.45, whole = () => canvas.zoom("fit-viewport", "auto");
  let shades = new Map();

  const lay = async () => {
    const answer = await fetch(place.dataset.figures);
    if (!answer.ok) return;
    const figures = await answer.json();
    for (const [id, shade] of shades) canvas.removeMarker(id, `heat${shade}`);
    shades = new Map();
    overlays.clear();
    for (const [id, figure] of Object.entries(figures)) {
      if (!elements.get(id)) continue; // of another version, after a migration
      if (figure.shade) {
        canvas.addMarker(id, `heat${figure.shade}`);
        shades.set(id, figure.shade);
      }
      for (const [text, kind, position] of [
        [figure.text, "badge", { bottom: 8, left: 4 }],
        [figure.trouble ? `${figure.trouble} ⚠` : "", "badge trouble", { top: -8, right: 22 }],
      ]) {
        if (!text) continue;
        const badge = document.createElement("div");
        badge.className = kind;
        badge.textContent = text;
        overlays.add(id, { position, html: badge, scale: { min: 0.8 } }); // to be read also from afar
      }
    }
    place.dataset.drawn = "yes";
  };

  const diagram = await fetch(place.dataset.diagram);
  if (!diagram.ok) { place.textContent = "The diagram can't be loaded at the moment."; return; }
  await viewer.importXML(await diagram.text());
  whole();
  await lay();
  const first = [...shades].sort((one, other) => other[1] - one[1])[0];
  if (first && canvas.zoom() < TOO_SMALL) {
    const { x, y, width, height } = elements.get(first[0]);
    canvas.zoom(READABLE);
    const view = canvas.viewbox();
    canvas.viewbox({ ...view, x: x + (width - view.width) / 2, y: y + (height - view.height) / 2 });
  }
  const zooms = { in: () => canvas.zoom(canvas.zoom() * 1.3), out: () => canvas.zoom(canvas.zoom() / 1.3), whole };
  document.querySelectorAll("[data-zoom]").forEach((one) => one.addEventListener("click", zooms[one.dataset.zoom]));
  // bpmn-js moves what a mouse drags; a finger does the same here.
  let finger = null;
  place.addEventListener("pointerdown", (event) => { finger = event.pointerType === "touch" ? event : null; });
  place.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch" || finger?.pointerId !== event.pointerId) return;
    canvas.scroll({ dx: event.clientX - finger.clientX, dy: event.clientY - finger.clientY });
    finger = event;
  });
  document.addEventListener("fairlead:changed", lay);
})();
