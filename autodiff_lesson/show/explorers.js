// What all explorers share: elements, sliders, plots, and the two hosts. The part that follows this
// one defines `explore(model, root)`, which gives an object with a method draw(); load(answer) is called
// when Python has answered a choice, stop() when the page has done with it.

// A number in few digits, with a true minus sign; null stands for what is no number.
function number(x, digits = 4) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "not finite";
  const text = String(Number(x.toPrecision(digits)));
  const [mantissa, power] = text.split("e");
  const far = power === undefined && x !== 0 && Math.abs(x) < 1e-3;
  return (far ? String(x.toExponential(digits - 1)).replace(/\.?0*e/, "e") : power ? `${mantissa}e${+power}` : text)
    .replaceAll("-", "−");
}

const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

// A labelled slider with its value; `act` gets the number.
function slider({ label, name, min, max, step, value, show, act }) {
  const input = make("input", {
    type: "range", min, max, step, value, "aria-label": label, oninput: () => set(+input.value, true),
  });
  const output = make("output", { class: "value" });
  function set(now, tell = false) {
    input.value = now;
    input.style.setProperty("--at", `${(100 * (now - min)) / (max - min)}%`);
    output.textContent = show(now);
    input.setAttribute("aria-valuetext", show(now));
    if (tell) act(now);
  }
  set(value);
  return { row: make("label", { class: "slider" }, make("span", {}, name ?? label), input, output), input, set };
}

// ---------------------------------------------------------------- plots

function ticks(low, high, count) {
  const rough = (high - low) / count, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * size).find((s) => s >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(+(k * step).toPrecision(12));
  return found;
}

// Powers of ten; the numbers of a logarithmic axis are the exponents.
function decades(low, high, count) {
  const step = Math.max(1, Math.ceil((high - low) / count)), found = [];
  for (let k = Math.ceil(low / step) * step; k <= high + 1e-9; k += step) found.push(k);
  return found;
}

const raised = (k) => `10${String(k).replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d])}`;

// A coordinate system in an SVG of its own, in true pixels so that its text keeps its size.
class Plot {
  constructor(host, label, height) {
    this.svg = make("svg:svg", { role: "img", "aria-label": label, class: "plot" });
    this.host = make("div", {}, this.svg); // without padding, so that its width is the plot's
    this.height = height;
    host.append(this.host);
  }

  // Begin anew: x and y are [low, high]; logs are of exponents.
  start({ x, y, logX, logY, xName, yName, left = 56, right = 14, bare = false }) {
    const width = Math.max(200, Math.floor(this.host.clientWidth));
    Object.assign(this, { x, y, width });
    this.box = [left, 26, width - right, this.height - 40];
    const [l, t, r, b] = this.box;
    this.sx = (v) => l + ((v - x[0]) / (x[1] - x[0])) * (r - l);
    this.sy = (v) => b - ((v - y[0]) / (y[1] - y[0])) * (b - t);
    this.ux = (p) => x[0] + ((p - l) / (r - l)) * (x[1] - x[0]);
    this.uy = (p) => y[0] + ((b - p) / (b - t)) * (y[1] - y[0]);
    const id = `clip${Math.random().toString(36).slice(2)}`;
    for (const [key, value] of Object.entries({ width, height: this.height, viewBox: `0 0 ${width} ${this.height}` })) this.svg.setAttribute(key, value);
    const axes = make("svg:g", { class: bare ? "axes bare" : "axes" });
    for (const v of (logX ? decades : ticks)(...x, Math.max(2, Math.floor((r - l) / 80)))) {
      const p = this.sx(v);
      axes.append(make("svg:path", { d: `M${p} ${t}V${b}` }),
        make("svg:text", { x: p, y: b + 19, "text-anchor": "middle" }, logX ? raised(v) : number(v)));
    }
    for (const v of (logY ? decades : ticks)(...y, Math.max(2, Math.floor((b - t) / 45)))) {
      const p = this.sy(v);
      axes.append(make("svg:path", { d: `M${l} ${p}H${r}` }),
        make("svg:text", { x: l - 7, y: p + 5, "text-anchor": "end" }, logY ? raised(v) : number(v)));
    }
    axes.append(make("svg:text", { class: "dim", x: r, y: b + 36, "text-anchor": "end" }, xName ?? ""),
      make("svg:text", { class: "dim", x: l, y: 16 }, yName ?? ""));
    this.inside = make("svg:g", { "clip-path": `url(#${id})` });
    this.above = make("svg:g", {});
    this.svg.replaceChildren(make("svg:defs", {}, make("svg:clipPath", { id },
      make("svg:rect", { x: l, y: t, width: r - l, height: b - t }))), axes, this.inside, this.above);
    return this;
  }

  // A line through points [x, y]; where one is null, a gap.
  line(points, attributes) {
    let d = "", pen = false;
    for (const [x, y] of points) {
      const known = x !== null && y !== null && Number.isFinite(x) && Number.isFinite(y);
      if (known) d += `${pen ? "L" : "M"}${this.sx(x).toFixed(1)} ${clamp(this.sy(y), -9e3, 9e3).toFixed(1)}`;
      pen = known;
    }
    const el = make("svg:path", { fill: "none", ...attributes, d });
    this.inside.append(el);
    return el;
  }

  dot(x, y, attributes) {
    const [[a, b], [c, d]] = [this.x, this.y];
    if (x === null || y === null || !(a <= x && x <= b && c <= y && y <= d)) return null;
    const el = make("svg:circle", { r: 5, ...attributes, cx: this.sx(x), cy: this.sy(y) });
    this.above.append(el);
    return el;
  }

  cross(x, y, attributes) {
    const d = `M${this.sx(x) - 6} ${this.sy(y) - 6}l12 12m0 -12l-12 12`;
    this.above.append(make("svg:path", { class: "halo", d }), make("svg:path", { ...attributes, d }));
  }

  // Many dots as one element: lines of no length with round ends.
  dots(points, attributes, r) {
    const [[a, b], [c, d]] = [this.x, this.y];
    const seen = points.filter(([x, y]) => x !== null && y !== null && a <= x && x <= b && c <= y && y <= d);
    this.inside.append(make("svg:path", {
      ...attributes, "stroke-width": 2 * r, d: seen.map(([x, y]) => `M${this.sx(x).toFixed(1)} ${this.sy(y).toFixed(1)}h0`).join(""),
    }));
  }

  // The name of each line at its right, joined to its end: [name, [x, y], attributes].
  ends(lines) {
    const [, t, r, b] = this.box, step = 17;
    const at = lines.map(([name, [x, y], attributes]) => ({ name, attributes, x: this.sx(x), from: clamp(this.sy(y), t, b) }));
    at.sort((a, c) => c.from - a.from); // from below upwards, then down from the upper edge
    at.forEach((one, i) => { one.y = Math.min(one.from, i ? at[i - 1].y - step : b); });
    at.reduceRight((above, one) => { one.y = Math.max(one.y, above + step); return one.y; }, t - step);
    for (const { name, attributes, x, from, y } of at) {
      this.above.append(make("svg:path", { ...attributes, d: `M${x + 6} ${from}L${r + 14} ${y}` }),
        make("svg:text", { x: r + 18, y: y + 5 }, name));
    }
  }

  text(x, y, words, attributes) {
    const el = make("svg:text", { ...attributes, x, y }, words);
    this.above.append(el);
    return el;
  }

  // Where a mouse event is, in the plot's own units.
  at(event) {
    const place = this.svg.getBoundingClientRect();
    const zoom = place.width / this.width;
    return [this.ux((event.clientX - place.left) / zoom), this.uy((event.clientY - place.top) / zoom)];
  }
}

// An arrow in pixels, from one point to another.
function arrow([x, y], [u, v], attributes) {
  const length = Math.hypot(u - x, v - y);
  if (!(length > 1)) return make("svg:circle", { ...attributes, class: `${attributes.class ?? ""} head`, cx: x, cy: y, r: 2.5 });
  const tip = Math.min(9, length * 0.6), a = (u - x) / length, b = (v - y) / length;
  const [p, q] = [u - a * tip, v - b * tip];
  return make("svg:g", attributes, make("svg:path", { class: "shaft", d: `M${x} ${y}L${p} ${q}` }),
    make("svg:path", { class: "head", d: `M${u} ${v}L${p - b * tip * 0.5} ${q + a * tip * 0.5}L${p + b * tip * 0.5} ${q - a * tip * 0.5}z` }));
}

const BANDS = 16; // of colour, from the lowest to the highest

// Heights in a canvas behind a plot: bands of colour with lines between them.
class Land {
  constructor(plot) {
    this.plot = plot;
    this.canvas = make("canvas", { class: "land", "aria-hidden": "true" });
    plot.host.classList.add("on-land");
    plot.host.prepend(this.canvas);
  }

  draw({ w, h, z }) {
    const [l, t, r, b] = this.plot.box.map(Math.round), style = getComputedStyle(this.canvas);
    const width = r - l, height = b - t;
    const key = [width, height, z, style.getPropertyValue("--low")];
    if (this.key?.every((part, i) => part === key[i])) return;
    this.key = key;
    const bytes = Uint8Array.from(atob(z), (c) => c.charCodeAt(0));
    const heights = new Uint16Array(bytes.buffer);
    const colour = (name) => style.getPropertyValue(name).trim().match(/\w\w/g).map((c) => parseInt(c, 16));
    const low = colour("--low"), high = colour("--high");
    Object.assign(this.canvas, { width, height });
    Object.assign(this.canvas.style, { left: `${l}px`, top: `${t}px`, width: `${width}px`, height: `${height}px` });
    const context = this.canvas.getContext("2d"), image = context.createImageData(width, height);
    const row = new Float32Array(width);
    let above = new Float32Array(width);
    for (let y = 0; y < height; y++) {
      const v = (y / (height - 1)) * (h - 1), j = Math.min(h - 2, Math.floor(v)), q = v - j;
      for (let x = 0; x < width; x++) {
        const u = (x / (width - 1)) * (w - 1), i = Math.min(w - 2, Math.floor(u)), p = u - i, k = j * w + i;
        row[x] = ((heights[k] * (1 - p) + heights[k + 1] * p) * (1 - q) + (heights[k + w] * (1 - p) + heights[k + w + 1] * p) * q) / 65536;
      }
      for (let x = 0; x < width; x++) {
        const band = Math.floor(row[x] * BANDS);
        const edge = (x && Math.floor(row[x - 1] * BANDS) !== band) || (y && Math.floor(above[x] * BANDS) !== band);
        const share = Math.min(1, band / (BANDS - 1) + (edge ? 0.3 : 0));
        const at = 4 * (y * width + x);
        for (let c = 0; c < 3; c++) image.data[at + c] = low[c] + (high[c] - low[c]) * share;
        image.data[at + 3] = 255;
      }
      above = row.slice();
    }
    context.putImageData(image, 0, 0);
  }
}

// ---------------------------------------------------------------- the hosts

// The key + makes everything larger, for a projector.
function frame(title, ...children) {
  const box = make("div", {
    class: "box explorer", tabindex: 0, role: "group", "aria-label": title,
    onkeydown: (event) => {
      if (event.key === "+" && !event.target.matches("input[type=text]")) box.classList.toggle("big");
      event.stopPropagation(); // nothing typed here is for the notebook, where an x takes a cell out
    },
  }, ...children);
  return box;
}

function choose(model, chosen) {
  model.set("chosen", chosen);
  model.save_changes();
}

function render({ model, el }) {
  el.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the keys before we see them
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const root = make("div", { class: "root" });
  shadow.replaceChildren(make("style", {}, CSS), root);
  let made = null;
  const theme = () => {
    const dark = isDark();
    if (root.classList.contains("dark") === dark && made) return;
    root.classList.toggle("dark", dark);
    requestAnimationFrame(() => made?.draw(true)); // until then the page may be without its styles
  };
  const goBack = model.get("kernel") ? takeOver(model.get("key")) : null;
  theme();
  made = explore(model, root);
  const themes = new MutationObserver(theme);
  themes.observe(document.body, { attributes: true });
  let width = 0;
  const sizes = new ResizeObserver(() => {
    const now = root.firstChild.clientWidth; // in its own pixels: the key + makes them larger
    if (now && Math.abs(now - width) > 1) {
      width = now;
      made.draw(true);
    }
  });
  sizes.observe(root.firstChild);
  const heard = { "change:answer": () => made.load?.(model.get("answer")), "change:chosen": () => made.chosen?.() };
  for (const [event, act] of Object.entries(heard)) model.on(event, act);
  return () => {
    goBack?.();
    themes.disconnect();
    sizes.disconnect();
    made.stop?.();
    for (const [event, act] of Object.entries(heard)) model.off(event, act);
  };
}

export default { render };
