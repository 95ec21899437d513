// show.loss_surface: the loss that Python computed on a grid, and the way of the training on it.

function explore(model, root) {
  const data = model.get("data");
  const count = data.losses.length;
  let place = clamp(model.get("chosen").place, 0, count - 1), under = null;
  const path = Array.from({ length: count }, (_, k) => [data.path[2 * k], data.path[2 * k + 1]]);
  const scrub = slider({ label: "Place on the path", name: "place", min: 0, max: Math.max(1, count - 1), step: 1, value: place, show: String, act: to });
  const ground = make("section", {}, make("h4", {}, "The slice", make("i", {}, ": point at it to read its loss")));
  const side = make("section", {});
  root.replaceChildren(frame(data.title,
    make("header", {}, make("b", { class: "title" }, data.title), count > 1 ? scrub.row : null),
    make("div", { class: "two" }, ground, side)));
  const map = new Plot(ground, "The loss in the slice, with the path of the training", 400);
  const land = new Land(map);
  const losses = count > 1 ? (side.append(make("h4", {}, "The loss on the path")), new Plot(side, "The loss on the path", 230)) : null;
  const facts = make("table", { class: "facts", "aria-live": "polite" });
  const note = make("p", { class: "note" });
  side.append(make("h4", {}, "In numbers"), facts, note);
  map.svg.addEventListener("pointermove", (event) => { under = map.at(event); drawFacts(); });
  map.svg.addEventListener("pointerleave", () => { under = null; drawFacts(); });
  losses?.svg.addEventListener("click", (event) => to(clamp(Math.round(losses.at(event)[0]), 0, count - 1)));

  function to(k) {
    place = k;
    scrub.set(k);
    draw();
    choose(model, { place });
  }

  function heightAt([x, y]) {
    const { w, h } = data.land;
    const i = Math.round(((x - data.x[0]) / (data.x[1] - data.x[0])) * (w - 1));
    const j = Math.round(((data.y[1] - y) / (data.y[1] - data.y[0])) * (h - 1));
    return i >= 0 && i < w && j >= 0 && j < h ? data.heights[j * w + i] : undefined;
  }

  function draw() {
    map.start({ x: data.x, y: data.y, xName: data.names[0], yName: data.names[1], bare: true });
    land.draw(data.land);
    const walked = path.slice(0, place + 1);
    map.line(path, { class: "path faint", style: "color:var(--fwd)" });
    map.line(walked, { class: "halo" });
    map.line(walked, { class: "path strong", style: "color:var(--fwd)" });
    if (count < 300) map.dots(walked, { class: "path-dots", style: "color:var(--fwd)" }, 2.5);
    map.dot(...path[place], { class: "path-head", style: "color:var(--bwd)", r: 7 });
    if (losses) {
      const known = data.losses.filter((v) => v !== null), low = Math.min(...known, 0);
      losses.start({ x: [0, count - 1], y: [low, Math.max(...known) * 1.05 || 1], xName: "place", yName: "loss" });
      losses.line(data.losses.map((v, k) => [k, v]), { class: "path strong", style: "color:var(--fwd)" });
      losses.dot(place, data.losses[place], { class: "path-head", style: "color:var(--bwd)", r: 6 });
    }
    drawFacts();
  }

  function drawFacts() {
    const row = (name, value) => make("tr", {}, make("td", {}, name), make("td", {}, value));
    const [x, y] = path[place], seen = under && heightAt(under);
    facts.replaceChildren(
      row(data.names[0], number(x)), row(data.names[1], number(y)),
      row(count > 1 ? `loss at place ${place}` : "loss here", number(data.losses[place])),
      row("under the pointer", seen === undefined || !under ? "–" : number(seen)));
    note.textContent = data.share === null || data.share > 0.9995 ? ""
      : `The slice holds ${number(100 * data.share, 3)} % of the path's squared length; the rest lies before and behind it, so a point's own loss differs from the ground under it.`;
  }

  return { draw, chosen: () => { const now = model.get("chosen").place; if (now !== place) { place = now; scrub.set(now); draw(); } } };
}
