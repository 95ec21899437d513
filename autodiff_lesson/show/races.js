// show.race: the paths that Python walked, on the surface and as losses; any step can be opened.

const NEAR = 9; // pixels: a click so near to a point of a path opens that step

function explore(model, root) {
  const data = model.get("data");
  const kernel = model.get("kernel");
  const chosen = structuredClone(model.get("chosen"));
  let step = data.steps, one = 0, timer = null, busy = false, waiting = false, serial = 0;
  const look = (i) => `look${data.looks[i]}`;
  const known = chosen.rates.filter((rate) => rate > 0).map(Math.log10); // one scale for all rates
  const [slow, fast] = [Math.floor(Math.min(-4, ...known)), Math.ceil(Math.max(1, ...known))];

  // ---- controls
  const scrub = slider({ label: "Step", name: "step", min: 0, max: data.steps, step: 1, value: step, show: String, act: (k) => { pause(); to(k); } });
  const play = make("button", { type: "button", class: "text play", onclick: () => (timer ? pause() : start()) }, "Play");
  const noise = slider({ label: "Noise of the gradients", name: "noise", min: 0, max: 2, step: 0.05, value: chosen.noise, show: (v) => number(v, 3), act: (v) => { chosen.noise = v; ask(); } });
  const rows = data.names.map((name, i) => {
    const line = make("svg:svg", { class: "swatch", width: 34, height: 8, "aria-hidden": "true" }, make("svg:path", { class: `path strong ${look(i)}`, d: "M1 4H33" }));
    const pick = make("button", { type: "button", class: "pick", "aria-pressed": "false", onclick: () => { one = i; draw(); } },
      line, make("span", { class: "name" }, name));
    const result = make("output", { class: "result" });
    const rate = (e) => +(10 ** e).toPrecision(3);
    const sliders = [
      chosen.rates[i] > 0 && slider({ label: `Learning rate of ${name}`, name: "rate", min: slow, max: fast, step: 0.01, value: Math.log10(chosen.rates[i]), show: (e) => number(rate(e), 3), act: (e) => { chosen.rates[i] = rate(e); one = i; ask(); } }),
      chosen.momenta[i] !== null && slider({ label: `Momentum of ${name}`, name: "momentum", min: 0, max: 0.99, step: 0.01, value: chosen.momenta[i], show: (v) => number(v, 2), act: (v) => { chosen.momenta[i] = v; one = i; ask(); } }),
    ];
    return { pick, result, sliders: sliders.filter(Boolean), el: make("div", { class: "racer" }, pick, sliders.map((s) => (s ? s.row : make("span", {}))), result) };
  });
  if (!kernel) for (const s of [noise, ...rows.flatMap((r) => r.sliders)]) s.input.disabled = true;
  const ground = make("section", {}, make("h4", {}, "The surface", make("i", {}, kernel ? ": a click or the arrow keys set the start" : ": press Play; rates and start need a running kernel")));
  const side = make("section", {}, make("h4", {}, "The losses, above the lowest point known"));
  const opened = make("div", { class: "opened-step", "aria-live": "polite" });
  root.replaceChildren(frame(data.title,
    make("header", {}, make("b", { class: "title" }, data.title), play, scrub.row, noise.row),
    make("div", { class: "two" }, ground, side),
    make("section", { class: "racers" }, rows.map((r) => r.el))));
  const map = new Plot(ground, "The surface with the paths of the optimizers", 380);
  const land = new Land(map);
  const losses = new Plot(side, "The losses of the optimizers, step by step", 230);
  side.append(opened);
  map.svg.setAttribute("tabindex", 0);
  map.svg.addEventListener("click", clicked);
  map.svg.addEventListener("keydown", moved);
  losses.svg.addEventListener("click", (event) => { pause(); to(clamp(Math.round(losses.at(event)[0]), 0, data.steps)); });

  // ---- moving
  function to(k) {
    step = k;
    scrub.set(k);
    draw();
  }

  function start() {
    if (step >= data.steps) to(0);
    play.textContent = "Pause";
    timer = setInterval(() => (step < data.steps ? to(step + 1) : pause()), 60);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  // Only one question is on its way at a time; the last choice is asked when the answer is there.
  function ask() {
    if (!kernel) return;
    if (busy) { waiting = true; return; }
    busy = true;
    serial += 1;
    choose(model, { ...structuredClone(chosen), serial });
  }

  function from(x, y) {
    if (!kernel) return;
    chosen.start = [clamp(x, ...data.x), clamp(y, ...data.y)].map((v) => +v.toPrecision(4));
    ask();
  }

  function clicked(event) {
    const [x, y] = map.at(event), px = map.sx(x), py = map.sy(y);
    let best = null;
    data.runs.forEach((run, i) => {
      for (let k = 0; k < run.g.length / 2; k++) {
        const away = Math.hypot(map.sx(run.p[2 * k]) - px, map.sy(run.p[2 * k + 1]) - py);
        if (k > 0 && away < NEAR && (!best || away < best[0])) best = [away, i, k];
      }
    });
    pause();
    if (best) { one = best[1]; to(best[2]); } else from(x, y);
  }

  function moved(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!way || !kernel) return;
    event.preventDefault();
    const [x, y] = chosen.start;
    from(x + way[0] * (data.x[1] - data.x[0]) / 50, y + way[1] * (data.y[1] - data.y[0]) / 50);
  }

  // ---- drawing
  const points = (p) => Array.from({ length: p.length / 2 }, (_, k) => [p[2 * k], p[2 * k + 1]]);

  function draw() {
    map.height = clamp(Math.round((map.host.clientWidth - 60) * (data.y[1] - data.y[0]) / (data.x[1] - data.x[0])) + 66, 300, 460);
    map.start({ x: data.x, y: data.y, xName: data.axes[0], yName: data.axes[1], left: 46, bare: true });
    land.draw(data.land);
    for (const [x, y] of data.minima) map.text(map.sx(x), map.sy(y) + 6, "✕", { "text-anchor": "middle", class: "minimum" });
    const order = data.runs.map((_, i) => i).sort((a, b) => (a === one) - (b === one));
    for (const i of order) {
      const { left, edge, out, p } = data.runs[i], gone = left !== null && step >= left;
      const path = points(p).slice(0, gone ? left : step + 1);
      if (!path.length) continue;
      const way = gone ? [...path, edge] : path;
      map.line(way, { class: "halo" });
      map.line(way, { class: `path ${i === one ? "strong" : ""} ${look(i)}` });
      if (path.length < 400) map.dots(path, { class: `path-dots ${look(i)}` }, i === one ? 3 : 2);
      if (gone) map.cross(...edge, { class: `path-cross ${look(i)}` });
      if (gone && i === one) mark(`${out === null ? "off the map" : "diverged"} at step ${out ?? left}`, ...edge);
      if (!gone) map.dot(...path.at(-1), { class: `path-head ${look(i)}`, r: 6 });
    }
    map.dot(...chosen.start, { class: "start", r: 7 });
    drawLosses();
    drawRows();
    drawStep();
  }

  // Words on the map, beside a point and inside of the edges.
  function mark(words, x, y) {
    const [l, t, r, b] = map.box, px = map.sx(x), end = px > (l + r) / 2;
    map.text(px + (end ? -12 : 12), clamp(map.sy(y) + 5, t + 18, b - 8), words, { class: "mark", "text-anchor": end ? "end" : "start" });
  }

  function drawLosses() {
    const low = data.land.low;
    const power = (v) => (v === null ? null : Math.log10(Math.max(v - low, 1e-12)));
    const all = data.runs.flatMap((run) => run.l.map(power)).filter((v) => v !== null);
    const y = [clamp(Math.floor(Math.min(...all, 0)), -8, 9), clamp(Math.ceil(Math.max(...all, -7)), -6, 10)];
    losses.start({ x: [0, data.steps], y, logY: true, xName: "step", right: 118 });
    losses.inside.append(make("svg:path", { class: "leg", d: `M${losses.sx(step)} ${losses.box[1]}V${losses.box[3]}` }));
    losses.ends(data.runs.map((run, i) => {
      const line = run.l.map((v, k) => [k, v === null ? null : Math.max(power(v), y[0])]);
      losses.line(line, { class: `path ${i === one ? "strong" : ""} ${look(i)}` });
      losses.dot(...line[Math.min(step, line.length - 1)], { class: `path-head ${look(i)}` });
      const [short, end] = [data.names[i].slice(0, 11), line.findLast(([, v]) => v !== null)];
      return [short === data.names[i] ? short : `${short}…`, end ?? [0, y[1]], { class: `leader ${look(i)}` }];
    }));
  }

  function drawRows() {
    rows.forEach(({ pick, result }, i) => {
      const run = data.runs[i], gone = run.out !== null && step >= run.out;
      pick.setAttribute("aria-pressed", String(i === one));
      result.textContent = gone ? `diverged at step ${run.out}` : `loss ${number(run.l[Math.min(step, run.l.length - 1)])}`;
      result.classList.toggle("bad", gone);
    });
  }

  function card(name, [u, v], look) {
    const length = Math.hypot(u, v), r = 34, c = 42;
    const tip = length > 0 ? [c + (u / length) * r, c - (v / length) * r] : [c, c];
    return make("figure", { class: "card" },
      make("figcaption", {}, name),
      make("svg:svg", { width: 84, height: 84, viewBox: "0 0 84 84", role: "img", "aria-label": `${name}: ${number(u)}, ${number(v)}` },
        make("svg:path", { class: "cross", d: "M42 4V80M4 42H80" }), arrow([c, c], tip, { class: look })),
      make("div", { class: "pair" }, make("div", {}, `${data.axes[0]} ${number(u, 3)}`), make("div", {}, `${data.axes[1]} ${number(v, 3)}`)));
  }

  // The move from this step to the next, and what it is made of.
  function drawStep() {
    const run = data.runs[one], k = Math.min(step, run.g.length / 2 - 1);
    if (k < 0) return;
    const pair = (list) => [list[2 * k], list[2 * k + 1]];
    const [x, y] = pair(run.p), [gx, gy] = pair(run.g), move = [run.p[2 * k + 2] - x, run.p[2 * k + 3] - y];
    opened.replaceChildren(
      make("h4", {}, "One step opened", make("i", {}, ": "), make("span", { class: "name" }, data.names[one]), make("i", {}, `, from step ${k} to ${k + 1}, at (${number(x, 3)}, ${number(y, 3)})`)),
      make("div", { class: "cards" }, card("gradient", [gx, gy], ""),
        Object.entries(run.s).map(([name, list]) => card(name, pair(list), "dim")),
        card("the move", move, look(one))),
      make("p", { class: "note" }, "On the map: thin, the way downhill (minus the gradient); thick, the move."));
    if (run.left !== null && k >= run.left) return; // off the map
    const [px, py] = [map.sx(x), map.sy(y)];
    const [w, h] = [map.sx(1) - map.sx(0), map.sy(0) - map.sy(1)];
    const size = 56 / Math.hypot(gx * w, gy * h);
    if (Number.isFinite(size)) {
      map.inside.append(arrow([px, py], [px - gx * w * size, py + gy * h * size], { class: "thin" }));
    }
    const end = [px + move[0] * w, py - move[1] * h].map((v) => clamp(v, -9e3, 9e3));
    if (Number.isFinite(end[0] + end[1])) map.inside.append(arrow([px, py], end, { class: `move ${look(one)}` }));
  }

  return {
    draw,
    stop: pause,
    load({ runs }) {
      Object.assign(data.runs, runs); // in place, so that another view of the model has them, too
      busy = false;
      if (waiting) { waiting = false; ask(); }
      draw();
    },
  };
}
