// Reads the chosen file, has it replayed, and takes over what the page of the answer shows.
"use strict";
(() => {
  const form = document.getElementById("what-if");
  const result = document.getElementById("result");
  const button = form.querySelector("button");

  const say = (text, kind) => {
    const line = document.createElement("p");
    line.className = kind;
    if (kind === "alert") line.setAttribute("role", "alert");
    line.textContent = text;
    result.replaceChildren(line);
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("Replaying: ten thousand leads take about a minute.", "note");
    try {
      const table = await form.elements.table.files[0].text();
      const asked = { word: form.elements.word.value, table, last: Number(form.elements.last.value) };
      const answer = await fetch(form.action, { method: "POST", headers: { "Content-Type": "application/json", Accept: "text/html, application/problem+json" }, body: JSON.stringify(asked) });
      if ((answer.headers.get("Content-Type") || "").startsWith("text/html")) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        result.replaceChildren(...page.getElementById("result").childNodes);
      } else {
        const problem = await answer.json();
        say([problem.detail, ...(problem.errors || []).map((one) => `${one.pointer}: ${one.detail}`)].join(" "), "alert");
      }
    } catch {
      say("The gateway did not answer. Try again.", "alert");
    } finally {
      button.disabled = false;
    }
  });
})();
