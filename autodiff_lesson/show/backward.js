// The stepper: plays the frames of a picture that Python made. Nothing is computed here; every
// number and sentence comes with the data. Loaded as an anywidget, or by the page that holds it.

const CSS = "/* backward.css */";
const SVG = "http://www.w3.org/2000/svg";
const SPEEDS = [0.5, 1, 2, 4];

// ---------------------------------------------------------------- making elements

function make(tag, attributes = {}, ...children) {
  const own = tag.startsWith("svg:");
  const el = own ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...children.filter((child) => child !== null && child !== undefined));
  return el;
}

// A name with a combining macron behind it is an adjoint: draw the bar over the whole name.
const BARRED = /([\p{L}\p{N}_.:\/]+)\u0304/u;

function rich(text, inSvg = false) {
  return text.split(BARRED).map((part, i) =>
    i % 2 === 0 ? part
      : /^\p{L}[₀-₉]*$/u.test(part) ? `${part[0]}\u0304${part.slice(1)}`
        : make(inSvg ? "svg:tspan" : "span", { class: "bar" }, part));
}

const spoken = (text) => text.replace(new RegExp(BARRED, "gu"), "$1 bar");

// A value is a text, or a heat map [rows, columns, numbers, shades, shape].
function heat(value, size, inSvg) {
  const [rows, columns, numbers, shades, shape] = value;
  const cell = Math.max(3, Math.min(size[0] / columns, size[1] / rows, 20));
  const g = make("svg:g", { class: "heat" });
  numbers.split(" ").forEach((text, i) => {
    const shade = shades.charCodeAt(i) - 105;
    g.append(make("svg:rect", {
      x: (i % columns) * cell, y: Math.floor(i / columns) * cell, width: cell, height: cell,
      class: shades[i] === "?" ? "nan" : shade < 0 ? "neg" : "pos",
      style: `fill-opacity:${Math.abs(shade) / 8}`,
    }, make("svg:title", {}, text)));
  });
  g.append(make("svg:rect", {
    class: "frame", width: columns * cell, height: rows * cell,
  }));
  if (inSvg) return g;
  return make("svg:svg", {
    class: "heat", width: columns * cell + 2, height: rows * cell + 2,
    viewBox: `-1 -1 ${columns * cell + 2} ${rows * cell + 2}`,
    role: "img", "aria-label": `numbers of shape ${shape}`,
  }, g);
}

const show = (value, size = [110, 60]) =>
  typeof value === "string" ? rich(value)
    : [make("span", { class: "array" }, heat(value, size), make("small", {}, value[4]))];

// ---------------------------------------------------------------- the stepper

class Stepper {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.data = model.get("data");
    this.opened = null;
    this.index();
    this.build();
    this.go(Math.min(model.get("step") || 0, this.last), true);
  }

  get last() { return this.data.frames.length - 1; }

  // For each node the frames that add to its adjoint; for each op the frame in which it ran.
  index() {
    const { frames, nodes, ops } = this.data;
    this.added = nodes.map(() => []);
    this.ran = ops.map(() => 0);
    this.playedAt = new Map();
    frames.forEach((f, k) => {
      if (f.a !== undefined) this.added[f.n].push(k);
      if (f.t === "run") this.ran[f.o] = k;
      if (f.t === "add") this.playedAt.set(`${f.o}.${f.p}`, k);
    });
    this.seed = frames.findIndex((f) => f.t === "seed");
  }

  build() {
    const d = this.data;
    const button = (name, label, key, act) => make("button", {
      type: "button", class: name, "aria-label": label, title: `${label} (${key})`, onclick: act,
    }, make("svg:svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
      make("svg:path", { d: ICONS[name] })));
    this.playButton = button("play", "Play", "space", () => this.toggle());
    this.slider = make("input", {
      type: "range", min: 0, max: this.last, "aria-label": "Step",
      oninput: () => { this.pause(); this.go(+this.slider.value); },
    });
    this.slider.style.setProperty("--turn", `${100 * (this.seed - 0.5) / this.last}%`);
    this.count = make("output", { class: "count" });
    this.speed = make("button", {
      type: "button", class: "text", title: "Speed of playing", onclick: () => this.faster(),
    });
    this.rate = 1;
    this.codePanel = this.buildCode();
    this.tapePanel = this.buildTape();
    this.graphPanel = this.buildGraph();
    this.now = make("div", { class: "now-body", "aria-live": "polite" });
    this.ledger = make("div", { class: "ledger" });
    const panel = (name, title, ...inside) =>
      make("section", { class: name, "aria-label": title }, make("h4", {}, title), ...inside);
    this.box = make("div", {
      class: "box", tabindex: 0, role: "group", "aria-label": spoken(d.title),
      onkeydown: (event) => this.key(event),
    },
    make("header", {},
      make("b", { class: "title", title: d.title }, d.title),
      make("span", { class: "buttons" },
        button("first", "First step", "Home", () => this.jump(0)),
        button("back", "Previous step", "left arrow", () => this.jump(this.step - 1)),
        this.playButton,
        button("next", "Next step", "right arrow", () => this.jump(this.step + 1)),
        button("end", "Last step", "End", () => this.jump(this.last))),
      this.slider, this.count, this.speed,
      button("large", "Large mode for a projector", "+", () => this.large())),
    make("div", { class: "grid" },
      make("div", { class: "left" },
        panel("code", "Your code", this.codePanel),
        panel("tape", "The tape", this.tapePanel)),
      panel("graph", "The computation", this.graphPanel),
      panel("happens", "What happens now", this.now, this.ledger)));
    this.root.append(this.box);
    this.faster(0);
  }

  buildCode() {
    this.lines = this.data.code.map((block) => block.t.map((text) =>
      make("div", { class: "line" }, text || " ")));
    return make("div", { class: "lines" }, ...this.data.code.flatMap((block, i) => [
      this.data.code.length > 1 ? make("div", { class: "file" }, block.f) : null,
      ...this.lines[i],
    ]).filter(Boolean));
  }

  name(node) { return this.data.nodes[node].n || this.data.nodes[node].v; }

  buildTape() {
    this.rows = this.data.ops.map((op, k) => make("tr", {
      onclick: () => this.toOp(k),
    }, make("td", {}, `${k + 1}`), make("td", {}, op.n),
    make("td", {}, `${op.i.map((i) => this.name(i)).join(", ")} → ${op.o.map((i) => this.name(i)).join(", ")}`)));
    return make("div", { class: "scroll" }, make("table", {}, make("tbody", {}, ...this.rows)));
  }

  buildGraph() {
    const { view, nodes, ops } = this.data;
    const pad = 12;
    const svg = make("svg:svg", {
      width: view.w + 2 * pad, height: view.h + 2 * pad,
      viewBox: `${-pad} ${-pad} ${view.w + 2 * pad} ${view.h + 2 * pad}`,
      role: "group", "aria-label": "The computation as a graph",
    }, make("svg:defs", {}, ...["fwd", "bwd"].map((name) => make("svg:marker", {
      id: `tip-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6,
      orient: "auto-start-reverse", class: `tip ${name}`,
    }, make("svg:path", { d: "M0 0L8 4L0 8z" })))));
    this.edges = view.e.map(([op, position, d]) => {
      const el = make("svg:path", { class: "edge", d });
      svg.append(el);
      return { op, position, el };
    });
    this.boxes = nodes.map((node, i) => {
      const [x, y, w, h] = view.x[i];
      const g = make("svg:g", {
        class: `node ${node.k}`, transform: `translate(${x} ${y})`, tabindex: -1, role: "button",
        onclick: () => this.open(i),
      }, make("svg:rect", { width: w, height: h, rx: 8 }));
      const line = (text, y, name) => make("svg:text", { x: 12, y, class: name }, ...rich(text, true));
      const plain = typeof node.v === "string";
      g.append(line(plain ? (node.n ? `${node.n} = ${node.v}` : node.v) : node.n, 22, "value"));
      let at = 22;
      if (node.s) g.append(line(node.s, at += 22, "shape"));
      if (!plain) {
        const map = heat(node.v, [84, 48], true);
        map.setAttribute("transform", `translate(12 ${at + 9})`);
        g.append(map);
      }
      const adjoint = make("svg:g", { class: "adjoint" });
      g.append(adjoint);
      let sign = null;
      if (node.b >= 0) {
        const text = ops[node.b].g;
        const width = Math.max(28, text.length * 8.5 + 16);
        sign = make("svg:g", { class: "op", transform: `translate(${w / 2} -13)` },
          make("svg:rect", { x: -width / 2, y: -14, width, height: 28, rx: 14 }),
          make("svg:text", { y: 5, "text-anchor": "middle" }, text));
        g.append(sign);
      }
      svg.append(g);
      return { g, adjoint, sign, at: at + 24, plain };
    });
    return make("div", { class: "scroll" }, svg);
  }

  // ---------------------------------------------------------------- moving

  jump(step) { this.pause(); this.go(step); }

  go(step, first = false) {
    step = Math.max(0, Math.min(this.last, step));
    if (step === this.step && !first) return;
    this.step = step;
    this.draw();
    if (this.model.get("step") !== step) {
      this.model.set("step", step);
      this.model.save_changes();
    }
  }

  toOp(k) {
    const back = this.data.frames.findIndex((f, i) => i > this.step && f.o === k);
    this.jump(back >= 0 ? back : this.ran[k]);
  }

  toggle() { if (this.timer) this.pause(); else this.play(); }

  play() {
    if (this.step === this.last) this.go(0);
    this.timer = setInterval(() => {
      this.go(this.step + 1);
      if (this.step === this.last) this.pause();
    }, 1400 / this.rate);
    this.playing(true);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.playing(false);
  }

  playing(on) {
    this.playButton.querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
    this.playButton.setAttribute("aria-label", on ? "Pause" : "Play");
    if (this.model.get("playing") !== on) {
      this.model.set("playing", on);
      this.model.save_changes();
    }
  }

  faster(by = 1) {
    this.rate = SPEEDS[(SPEEDS.indexOf(this.rate) + by) % SPEEDS.length];
    this.speed.textContent = `${this.rate}×`;
    this.speed.setAttribute("aria-label", `Speed ${this.rate} times`);
    if (this.timer) { clearInterval(this.timer); this.play(); }
  }

  large() { this.box.classList.toggle("big"); this.draw(); }

  key(event) {
    if (event.target.matches("input[type=text]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => this.jump(this.step + 1), ArrowLeft: () => this.jump(this.step - 1),
      Home: () => this.jump(0), End: () => this.jump(this.last), " ": () => this.toggle(),
      "+": () => this.large(), Escape: () => this.open(null),
    }[event.key];
    if (!act || (event.key === " " && event.target.matches("button, [role=button]"))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  open(node) {
    this.opened = node;
    this.drawLedger();
  }

  // ---------------------------------------------------------------- one frame

  get frame() { return this.data.frames[this.step]; }

  draw() {
    const f = this.frame;
    const backward = this.step >= this.seed;
    this.slider.value = this.step;
    this.slider.style.setProperty("--at", `${100 * this.step / this.last}%`);
    this.slider.setAttribute("aria-valuetext", `step ${this.step} of ${this.last}`);
    this.count.textContent = `step ${this.step} of ${this.last}`;
    this.box.classList.toggle("backward", backward);
    this.drawCode(f);
    this.drawTape(f, backward);
    this.drawGraph(f);
    this.drawNow(f);
    this.drawLedger();
  }

  drawCode(f) {
    this.marked?.classList.remove("now");
    const place = f.o === undefined ? null : this.data.ops[f.o].c;
    this.marked = place && this.lines[place[0]][place[1]];
    this.marked?.classList.add("now");
    this.marked?.scrollIntoView?.({ block: "nearest" });
  }

  drawTape(f, backward) {
    this.rows.forEach((row, k) => {
      row.className = [
        f.o === k ? "now" : "",
        this.ran[k] > this.step ? "later" : "",
      ].join(" ");
    });
  }

  drawGraph(f) {
    this.edges.forEach(({ op, position, el }) => {
      const played = this.playedAt.get(`${op}.${position}`);
      const current = f.o === op && (f.t === "run" || f.p === position);
      el.setAttribute("class", ["edge",
        this.ran[op] > this.step ? "later" : "",
        played !== undefined && played <= this.step ? "played" : "",
        current ? f.t : ""].join(" "));
      const tip = current ? (f.t === "run" ? "end" : "start") : null;
      el.removeAttribute("marker-start"); el.removeAttribute("marker-end");
      if (tip) el.setAttribute(`marker-${tip}`, `url(#tip-${f.t === "run" ? "fwd" : "bwd"})`);
    });
    this.boxes.forEach((box, i) => {
      const node = this.data.nodes[i];
      const there = node.b < 0 || this.ran[node.b] <= this.step;
      const at = this.added[i].findLast((k) => k <= this.step);
      const adjoint = at === undefined ? undefined : this.data.frames[at].a;
      box.g.classList.toggle("later", !there);
      box.g.classList.toggle("has", adjoint !== undefined);
      box.g.classList.toggle("now", f.n === i || (f.t === "run" && this.data.ops[f.o].o.includes(i)));
      box.sign?.classList.toggle("now", f.o === node.b);
      box.adjoint.replaceChildren();
      const awaited = this.step >= this.seed && this.added[i].length;
      if (adjoint !== undefined || awaited) {
        const plain = adjoint === undefined || typeof adjoint === "string";
        const text = `${node.n}\u0304` + (adjoint === undefined ? (box.plain ? " = ?" : "") : plain ? ` = ${adjoint}` : "");
        const x = box.plain ? 12 : 108;
        const y = box.plain ? box.at : 22;
        box.adjoint.append(make("svg:text", { x, y, class: adjoint === undefined ? "wait" : "" }, ...rich(text, true)));
        if (!plain) {
          const map = heat(adjoint, [84, 48], true);
          map.setAttribute("transform", `translate(108 ${box.at - 24 + 9})`);
          box.adjoint.append(map);
        }
      }
    });
  }

  drawNow(f) {
    const line = (name, ...inside) => make("div", { class: name }, ...inside.flat());
    const op = f.o === undefined ? null : this.data.ops[f.o];
    const parts = {
      start: () => [line("head", "Nothing has run yet.")],
      run: () => [
        line("head", `${op.n} runs and is recorded`),
        line("rule", ...op.o.flatMap((n) => [...rich(this.name(n)), " = ", ...show(this.data.nodes[n].v)])),
      ],
      seed: () => [
        line("head", "The walk backward begins"),
        line("rule", ...rich(`${this.name(f.n)}\u0304`), " = ", ...show(f.a)),
      ],
      add: () => [
        line("head", f.h),
        line("rule", ...rich(`${this.name(f.n)}\u0304 ← ${f.z === undefined ? "" : `${this.name(f.n)}\u0304 + `}${f.r}`)),
        line("num", ...(f.z === undefined ? [] : [...show(f.z), " + "]), ...f.q.flatMap((v) => show(v)),
          " = ", ...show(f.l ? f.m : f.a)),
        f.l ? line("sum", f.l) : null,
      ],
      end: () => [],
    }[f.t]();
    this.now.replaceChildren(...parts.filter(Boolean));
  }

  drawLedger() {
    const node = this.opened ?? this.frame.n;
    this.ledger.replaceChildren();
    if (node === undefined || !this.added[node].length) return;
    const bar = `${this.name(node)}\u0304`;
    this.ledger.append(make("h4", {}, "What has been added to ", ...rich(bar)),
      make("table", {}, ...this.added[node].map((k) => {
        const f = this.data.frames[k];
        const done = k <= this.step;
        return make("tr", { class: k === this.step ? "now" : done ? "" : "later" },
          make("td", {}, f.t === "seed" ? "start" : this.data.ops[f.o].n),
          make("td", {}, ...(done ? show(f.t === "seed" ? f.a : f.c) : ["not yet"])));
      })));
  }
}

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z", back: "M11 3L4 8l7 5z", play: "M4 2.5L13 8l-9 5.500z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z", next: "M5 3l7 5-7 5z", end: "M13 3v10M3 3l7 5-7 5z",
  large: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

function render({ model, el }) {
  const shadow = el.shadowRoot || el.attachShadow({ mode: "open" });
  shadow.replaceChildren(make("style", {}, CSS));
  const root = make("div", { class: "root" });
  shadow.append(root);
  const theme = () => {
    const { jpThemeLight } = document.body.dataset;
    const dark = jpThemeLight === "false" || document.body.classList.contains("vscode-dark")
      || (jpThemeLight === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.classList.toggle("dark", dark);
  };
  theme();
  const watch = new MutationObserver(theme);
  watch.observe(document.body, { attributes: true });
  let stepper = new Stepper(model, root);
  model.on("change:step", () => stepper.go(model.get("step")));
  return () => { watch.disconnect(); stepper.pause(); };
}

export default { render };
