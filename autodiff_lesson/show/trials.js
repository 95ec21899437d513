// show.custom_rule: a line to edit; what Python makes of it beside the finite differences.

const PAUSE = 250; // milliseconds without a key before a line is tried

function explore(model, root) {
  const kernel = model.get("kernel");
  const data = model.get("data");
  let serial = 0, timer = null, asked = "";
  const input = make("input", {
    type: "text", class: "rule-line", spellcheck: "false", autocomplete: "off", "aria-label": "The backward rule: what grad returns", oninput: () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE); },
  });
  input.value = asked = model.get("chosen").rule;
  input.readOnly = !kernel;
  const badge = make("output", { class: "badge", "aria-live": "polite" });
  const table = make("table", { class: "trials" });
  const why = make("p", { class: "why" });
  const before = data.before ? data.before.split("\n").map((text) => make("div", { class: "code-line" }, `    ${text}`)) : [];
  root.replaceChildren(frame(data.title,
    make("header", {}, make("b", { class: "title" }, data.title)),
    make("section", {},
      make("form", { class: "rule-form", onsubmit: (event) => { event.preventDefault(); ask(); } },
        make("div", { class: "code-line" }, data.head), before,
        make("div", { class: "code-line edited" }, make("span", {}, "    return "), input)),
      make("div", { class: "verdict" }, badge, why), table)));

  function ask() {
    clearTimeout(timer);
    if (!kernel || input.value === asked) return;
    asked = input.value;
    serial += 1;
    choose(model, { rule: asked, serial });
  }

  function draw() {
    const wrong = data.rows.filter((row) => !row.ok);
    const good = !data.error && !wrong.length;
    badge.textContent = good ? "✓ right" : "✗ wrong";
    badge.className = `badge ${good ? "good" : "bad"}`;
    const names = [...new Set(wrong.map((row) => row.of))];
    why.textContent = data.error || (good ? "The rule agrees with the finite differences at every point."
      : `The gradient of ${names.join(" and of ")} is not what finite differences give.`);
    if (!kernel) why.textContent += " To edit the line, run the cell.";
    input.setAttribute("aria-invalid", String(!good));
    // Half a line has no numbers: those of the last whole one stay, faint, or the page would jump.
    table.classList.toggle("stale", Boolean(data.error));
    if (data.error && table.rows.length > 1) return;
    const head = ["at", "upstream", "gradient of", "your rule", "finite difference", ""];
    table.replaceChildren(make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, data.rows.map((row, i) => make("tr", { class: i && data.rows[i - 1].at !== row.at ? "first" : "" },
        make("td", {}, i && data.rows[i - 1].at === row.at ? "" : row.at.replaceAll("-", "−")), make("td", {}, number(row.up)), make("td", {}, row.of),
        make("td", { class: row.ok ? "good" : "bad" }, row.got.replaceAll("-", "−")), make("td", {}, row.want.replaceAll("-", "−")),
        make("td", { class: row.ok ? "good" : "bad", "aria-label": row.ok ? "right" : "wrong" }, row.ok ? "✓" : "✗")))));
  }

  return {
    draw,
    stop: () => clearTimeout(timer),
    load(answer) { Object.assign(data, answer); draw(); },
    chosen() {
      const { rule } = model.get("chosen");
      if (rule !== asked) { asked = rule; input.value = rule; }
    },
  };
}
