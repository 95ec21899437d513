// The stepper: plays the frames of a picture that Python made (picture.py says what is in it).
// Nothing is computed here; every number and every sentence comes with the data. It is loaded as an
// anywidget beside a running kernel, or by the page that holds the data.

const SPEEDS = [0.5, 1, 2, 4];
const ROW = 27; // height of a row of the tape
const SHORT = 60; // records: the rows of a tape with no more are as high as their text
const LANES = ["M8 13.5m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", "M8 7.5l6 6-6 6-6-6z", "M3.500 9h9v9h-9z", "M8 8l6 11H2z"];
const PAD = 12; // around the graph
const HEAT = [64, 44]; // a heat map in a box is at most this large
const LINE = 23; // a line of text in a box
const WIDE = 22; // characters of a value in a box
const CHIP = 12; // characters of what is shown beside an edge
const ONE_LINE = 20; // characters of a name and a shape above a heat map

// ---------------------------------------------------------------- making elements

// A name between these two marks is an adjoint: it gets a bar.
const BARRED = /\ue100([^\ue101]*)\ue101/u;
const bar = (name) => `\ue100${name}\ue101`;
const spoken = (text) => text.replace(new RegExp(BARRED, "gu"), "adjoint of $1");

function rich(text, tag = "span") {
  return text.split(BARRED).map((part, i) =>
    i % 2 === 0 ? part
      : /^\p{L}[₀-₉]*$/u.test(part) ? `${part[0]}\u0304${part.slice(1)}`
        : make(tag, { class: "bar" }, part));
}

function heatMap([rows, columns, numbers, shades, shape], [width, height], most) {
  const w = Math.min(width / columns, most), h = Math.min(height / rows, most);
  const g = make("svg:g", { class: "heat" });
  numbers.split(" ").forEach((text, i) => {
    const shade = shades.charCodeAt(i) - 105;
    g.append(make("svg:rect", {
      x: (i % columns) * w, y: Math.floor(i / columns) * h, width: w, height: h,
      class: shades[i] === "?" ? "nan" : shade < 0 ? "neg" : "pos",
      "fill-opacity": shades[i] === "?" ? 1 : Math.abs(shade) / 8,
    }, make("svg:title", {}, text)));
  });
  g.append(make("svg:rect", { class: "frame", width: columns * w, height: rows * h }));
  return { g, shape, width: columns * w, height: rows * h };
}

const counted = (records) => `${records.toLocaleString("en")} record${records === 1 ? "" : "s"}`;

// Code that is too long for its line goes on behind a bracket.
const breakable = (text) => text.split(/(?<=\()/u).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));

const listed = (names) => names.join(", ").replace(/, ([^,]*)$/, " and $1");

// Of a vector in long numbers, the first and the last.
const fitted = (text) => (text.length <= WIDE ? text : text.replace(/ .* /, " … "));

// A small array with its numbers.
function grid([, columns, numbers, shades, shape]) {
  const cells = numbers.split(" ").map((text, i) => {
    const shade = shades.charCodeAt(i) - 105;
    const colour = shade < 0 ? "--bwd" : "--fwd";
    return make("span", { style: `--tone:var(${colour});--much:${Math.abs(shade) * 4}%` }, text);
  });
  return make("span", { class: "array" },
    make("span", { class: "grid-of", style: `--n:${columns}` }, cells), make("small", {}, shape));
}

// Scroll a panel, and only it, so that something in it is seen.
function reveal(panel, top, bottom, left, right) {
  const away = (from, to, start, size) =>
    from < start + 8 || to > start + size - 8 ? Math.max(0, (from + to - size) / 2) : start;
  panel.scrollTop = away(top, bottom, panel.scrollTop, panel.clientHeight);
  if (left !== undefined) panel.scrollLeft = away(left, right, panel.scrollLeft, panel.clientWidth);
}

// ---------------------------------------------------------------- the stepper

class Stepper {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.rate = 1;
    this.load(model.get("data"));
  }

  load(data) {
    const step = this.step ?? this.model.get("step") ?? 0;
    this.pause?.();
    this.data = data;
    this.opened = null;
    this.view = 0;
    this.quiz = this.model.get("quiz") ? { known: new Set(), right: 0, asked: 0 } : null;
    this.index();
    this.build();
    this.step = undefined;
    this.go(step < 0 ? this.last + 1 + step : step);
  }

  get last() { return this.data.frames.length - 1; }
  get frame() { return this.data.frames[this.step]; }
  op(k) { return this.data.ops[k]; }
  node(i) { return this.data.nodes[i]; }
  name(i) { return this.node(i).n || `${this.node(i).v}`; }

  // When each op ran, when each of its inputs got its contribution, what was added to each node.
  index() {
    const { frames, nodes, ops } = this.data;
    this.ran = ops.map(() => 0);
    this.added = nodes.map(() => []);
    this.given = new Map();
    this.played = ops.map(() => Infinity);
    frames.forEach((f, k) => {
      if (f.t === "run") this.ran[f.o] = k;
      if (f.t === "add") {
        this.given.set(`${f.o}.${f.p}`, k);
        this.played[f.o] = k;
      }
      if (f.a !== undefined) this.added[f.n].push(k);
    });
    const seed = frames.findIndex((f) => f.t === "seed");
    this.turn = seed < 0 ? frames.length : seed;
    this.onLine = new Map();
    ops.forEach((op, k) => {
      const key = op.c.join();
      this.onLine.set(key, [...(this.onLine.get(key) ?? []), k]);
    });
  }

  // ---------------------------------------------------------------- building it once

  build() {
    const { data } = this;
    const focused = this.box?.contains(this.root.getRootNode().activeElement);
    const button = (name, label, key, act) => make("button", {
      type: "button", class: name, "aria-label": label, title: `${label} (${key})`, onclick: act,
    }, make("svg:svg", { viewBox: "0 0 16 16", "aria-hidden": "true" },
      make("svg:path", { d: ICONS[name] })));
    this.playButton = button("play", "Play", "space", () => this.toggle());
    this.slider = make("input", {
      type: "range", min: 0, max: this.last, "aria-label": "Step",
      oninput: () => this.jump(+this.slider.value),
    });
    this.slider.style.setProperty("--turn", `${100 * (this.turn - 0.5) / this.last}%`);
    this.count = make("output", { class: "count" });
    this.speed = make("button", {
      type: "button", class: "text", title: "Speed of playing", onclick: () => this.faster(),
    });
    this.score = make("output", { class: "score" });
    this.lines = make("div", { class: "lines", tabindex: 0, role: "region", "aria-label": "Your code" });
    this.short = data.ops.length <= SHORT;
    this.list = make("div", {
      class: `list${this.short ? " short" : ""}${data.lanes.length ? " laned" : ""}`, onscroll: () => !this.short && this.drawRows(),
    }, make("div", { style: this.short ? null : `height:${data.ops.length * ROW}px` }));
    this.crumbs = make("nav", { "aria-label": "Unfolded parts" });
    this.canvas = make("div", { class: "canvas" });
    this.now = make("div", { class: "what", "aria-live": "polite" });
    this.ledger = make("div", { class: "ledger" });
    this.tapeTitle = make("h4", {}, "The tape");
    const files = [...new Set(data.code.map((block) => block.f))];
    const box = make("div", {
      class: "box", tabindex: 0, role: "group", "aria-label": spoken(data.title),
      onkeydown: (event) => this.key(event),
    },
    make("header", {},
      make("b", { class: "title", title: data.title }, data.title), this.score,
      make("span", { class: "buttons" },
        button("first", "First step", "Home", () => this.jump(0)),
        button("back", "Previous step", "left arrow", () => this.jump(this.step - 1)),
        this.playButton,
        button("next", "Next step", "right arrow", () => this.next()),
        button("end", "Last step", "End", () => this.jump(this.last))),
      this.slider, this.count, this.speed,
      button("large", "Large mode for a projector", "+", () => this.large())),
    make("div", { class: "grid" },
      make("div", { class: "left" },
        make("section", { class: "code" },
          make("h4", {}, "Your code", files.length === 1 ? make("i", {}, `, ${files[0]}`) : null),
          this.lines),
        make("section", { class: "tape" }, this.tapeTitle, this.laneNames(), this.list)),
      make("section", { class: "graph" },
        make("h4", {}, "The computation", this.turn < data.frames.length
          ? make("i", { class: "legend" }, "x\u0304", make("span", {}, ", the adjoint of x")) : null),
        this.crumbs, this.canvas),
      make("section", { class: "happens" },
        make("h4", {}, "What happens now"), this.now, this.ledger)));
    if (this.box?.classList.contains("big")) box.classList.add("big");
    this.root.replaceChildren(this.box = box);
    this.buildCode();
    this.buildGraph();
    this.faster(0);
    if (focused) box.focus();
  }

  buildCode() {
    this.line = new Map();
    this.data.code.forEach((block, b) => {
      if (this.data.code.length > 1) {
        this.lines.append(make("div", { class: "file" }, `${block.f}, line ${block.l}`));
      }
      block.t.forEach((text, i) => {
        const key = `${b},${i}`;
        const indent = text.length - text.trimStart().length;
        const line = make("div", {
          class: this.onLine.has(key) ? "line live" : "line", style: `--in:${indent}ch`,
          onclick: () => this.toLine(key),
        }, ...breakable(text.trim() || " "));
        this.line.set(key, line);
        this.lines.append(line);
      });
    });
  }

  // Which tapes there are, if several saw something of this; the first is the one that is shown.
  laneNames() {
    if (!this.data.lanes.length) return null;
    return make("div", { class: "lanes" }, this.data.lanes.map((name, lane) =>
      make(lane ? "span" : "b", {}, this.mark(lane), name)));
  }

  mark(lane, seen = true) {
    return make("svg:svg", { class: `lane lane${lane ? 1 : 0}${seen ? " seen" : ""}`, viewBox: "0 0 16 27", "aria-hidden": "true" },
      seen ? make("svg:path", { d: LANES[Math.min(lane, 3)] }) : null);
  }

  whoSaw(op) {
    const { lanes } = this.data;
    if (!lanes.length) return "";
    const saw = op.t.map((lane) => lanes[lane]), missed = lanes.filter((_, lane) => !op.t.includes(lane));
    return missed.length ? `On ${listed(saw)} alone: ${listed(missed)} did not record it.` : `On ${saw.length === 2 ? "both" : "all"} tapes: ${listed(saw)}.`;
  }

  // A value is a text, or the number of a heat map.
  show(value, size = [132, 72]) {
    if (typeof value === "string") return [make("span", {}, value)];
    const map = this.data.heat[value];
    if (map[0] * map[1] <= 16 && map[1] <= 4 && !map[4].endsWith("averaged")) return [grid(map)];
    const { g, shape, width, height } = heatMap(map, size, 16);
    return [make("span", { class: "array" }, make("svg:svg", {
      width: width + 2, height: height + 2, viewBox: `-1 -1 ${width + 2} ${height + 2}`,
      role: "img", "aria-label": `numbers of shape ${shape}`,
    }, g), make("small", {}, shape.replace(" averaged", "")))];
  }

  buildGraph() {
    const view = this.data.views[this.view];
    const w = view.w + 2 * PAD, h = view.h + 2 * PAD;
    const svg = make("svg:svg", {
      width: w, height: h, viewBox: `${-PAD} ${-PAD} ${w} ${h}`, role: "group",
      "aria-label": "The computation as a graph",
    }, make("svg:defs", {}, ["fwd", "bwd"].map((name) => make("svg:marker", {
      id: `tip-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9,
      markerUnits: "userSpaceOnUse", orient: "auto-start-reverse", class: `tip ${name}`,
    }, make("svg:path", { d: "M0 0L8 4L0 8z" })))));
    this.ground = null;
    if (view.g !== undefined) this.buildGround(svg, view);
    this.edges = view.edges.map(([op, position, d, to]) => {
      const el = make("svg:path", { class: "edge", d });
      svg.append(el);
      return { op, position, to, el };
    });
    this.items = view.items.map((item) => this.buildItem(svg, item));
    this.chip = make("svg:g", { class: "chip" });
    svg.append(this.chip);
    this.indexItems();
    this.canvas.replaceChildren(svg);
    this.box.style.setProperty("--w", w);
    this.buildCrumbs();
  }

  // Which item shows an op, which a node; and when something went back along an edge of a group.
  indexItems() {
    this.itemOfOp = new Map();
    this.itemOfNode = new Map();
    this.items.forEach((item, i) => {
      if (item.kind === "n") this.itemOfNode.set(item.id, i);
      if (item.group) for (let k = item.group.a; k < item.group.b; k++) this.itemOfOp.set(k, i);
      else if (item.kind === "o") this.itemOfOp.set(item.id, i);
      else if (item.sign) this.itemOfOp.set(this.node(item.id).b, i);
    });
    this.back = new Map();
    this.data.frames.forEach((f, k) => {
      if (f.t !== "add") return;
      const key = `${this.from(f.n)},${this.itemOfOp.get(f.o)}`;
      if (!this.back.has(key)) this.back.set(key, k);
    });
  }

  // The item in which a node is.
  from(node) { return this.itemOfNode.get(node) ?? this.itemOfOp.get(this.node(node).b); }

  // What stands open among others is on ground of its own.
  buildGround(svg, view) {
    const group = this.data.groups[view.g];
    const inside = (node) => group.a <= this.node(node).b && this.node(node).b < group.b;
    const ground = make("svg:g", { class: "ground", onclick: () => this.unfold(group.u) },
      make("svg:title", {}, `${group.n}: fold it again`));
    for (const [op, position, d] of view.edges) {
      if (op >= group.a && op < group.b && (position < 0 || inside(this.op(op).i[position]))) ground.append(make("svg:path", { d }));
    }
    for (const [kind, id, x, y, width, height] of view.items) {
      if (kind === "g" || !(kind === "n" ? inside(id) : id >= group.a && id < group.b)) continue;
      ground.append(make("svg:rect", { x: x - 10, y: y - 42, width: width + 20, height: height + 56, rx: 14 }));
    }
    svg.append(this.ground = ground);
  }

  buildItem(svg, [kind, id, x, y, w, h, call]) {
    const g = make("svg:g", { transform: `translate(${x} ${y})` });
    svg.append(g);
    const item = { kind, id, g, x, y, w, h, group: this.data.groups[kind === "g" ? id : call] };
    if (kind === "o") {
      item.sign = this.buildSign(this.op(id), w / 2, 14);
      g.append(item.sign);
    } else if (kind === "g") this.buildGroup(item);
    else this.buildNode(item);
    return item;
  }

  button(item, name, label, act) {
    item.name = name;
    for (const [key, value] of Object.entries({ tabindex: 0, role: "button", "aria-label": label })) {
      item.g.setAttribute(key, value);
    }
    item.g.addEventListener("click", act);
    item.g.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      act();
    });
    item.g.append(make("svg:rect", { class: "body", width: item.w, height: item.h, rx: 8 }));
  }

  buildGroup(item) {
    const { group } = item;
    const count = group.b - group.a;
    this.button(item, "group", `${group.n}, ${counted(count)}, unfold`, () => this.unfold(group.v));
    item.state = make("svg:text", { x: 14, y: 47, class: "dim" });
    item.g.append(make("svg:text", { x: 14, y: 24 }, group.n), item.state,
      make("svg:path", { class: "more", d: `M${item.w - 22} 18h10m-5-5v10` }));
    item.count = counted(count);
  }

  buildNode(item) {
    const node = this.node(item.id);
    const made = node.b >= 0 ? `, made by ${this.op(node.b).n}` : "";
    const inner = node.b >= 0 && this.op(node.b).y ? " inner" : "";
    this.button(item, `node ${node.k}${inner}`, `${this.name(item.id)}${made}: how its gradient is made`,
      () => this.open(this.opened === item.id ? null : item.id));
    item.title = make("svg:title");
    item.g.append(item.title, ...this.boxLines(node).map((line, i) =>
      make("svg:text", { x: 12, y: LINE * (i + 1) }, line)));
    if (typeof node.v !== "string") {
      const { g, width } = this.mapAt(node.v, 12, 32);
      item.g.append(g);
      item.right = 12 + width + 10;
    }
    item.adjoint = make("svg:g", { class: "adjoint" });
    item.g.append(item.adjoint);
    const [a, b] = this.range(this.view);
    if (item.group) item.sign = this.buildCall(item.group, item.w / 2, -12);
    else if (node.b >= a && node.b < b && this.op(node.b).o.length === 1) item.sign = this.buildSign(this.op(node.b), item.w / 2, -12);
    if (item.sign) item.g.append(item.sign);
  }

  boxLines(node) {
    if (typeof node.v !== "string") {
      const shape = node.s.slice(node.s.indexOf(" "));
      return [(node.n + shape).length > ONE_LINE ? node.n
        : [node.n, make("svg:tspan", { class: "dim" }, shape)]];
    }
    const value = fitted(node.v);
    return node.l ? [node.n, value] : [node.n ? `${node.n} = ${value}` : value];
  }

  buildSign(op, x, y) {
    const width = Math.max(28, op.g.length * 8.5 + 18);
    return make("svg:g", { class: "sign", transform: `translate(${x} ${y})` },
      make("svg:title", {}, op.n),
      make("svg:rect", { x: -width / 2, y: -14, width, height: 28, rx: 14 }),
      make("svg:text", { y: 5, "text-anchor": "middle" }, op.g));
  }

  // The folded call of a function, as the sign of what it returned.
  buildCall(group, x, y) {
    const width = group.n.length * 8.5 + 36;
    const act = (event) => {
      if (event.key && event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      this.unfold(group.v);
    };
    return make("svg:g", {
      class: "sign call", transform: `translate(${x} ${y})`, tabindex: 0, role: "button",
      "aria-label": `${group.n}, ${counted(group.b - group.a)}, unfold`, onclick: act, onkeydown: act,
    },
    make("svg:title", {}, `${group.n}, ${counted(group.b - group.a)}: unfold`),
    make("svg:rect", { x: -width / 2, y: -14, width, height: 28, rx: 14 }),
    make("svg:text", { x: -9, y: 5, "text-anchor": "middle" }, group.n),
    make("svg:path", { class: "more", d: `M${width / 2 - 22} 0h10m-5-5v10` }));
  }

  mapAt(value, x, y) {
    const map = heatMap(this.data.heat[value], HEAT, 15);
    map.g.setAttribute("transform", `translate(${x} ${y})`);
    return map;
  }

  // ---------------------------------------------------------------- folded parts

  // The group whose inside a view shows; none for the whole.
  groupOf(view) { return this.data.groups.find((group) => group.v === view); }

  range(view) { return [this.data.views[view].a, this.data.views[view].b]; }

  unfold(view) {
    this.view = view;
    this.buildGraph();
    this.drawGraph(!this.ground);
    if (!this.ground) return;
    const { x, y, width, height } = this.ground.getBBox();
    this.revealBox(x, y, x + width, y + height);
  }

  buildCrumbs() {
    const path = [];
    for (let group = this.groupOf(this.view); group; group = this.groupOf(group.u)) path.unshift(group);
    this.crumbs.replaceChildren(...(this.data.groups.length ? [
      path.length ? make("button", { type: "button", class: "link", onclick: () => this.unfold(0) }, "whole tape")
        : make("span", {}, "whole tape: a click on + unfolds a part"),
      ...path.flatMap((group, i) => [" › ", i === path.length - 1 ? make("span", {}, group.n)
        : make("button", { type: "button", class: "link", onclick: () => this.unfold(group.v) }, group.n)]),
    ] : []));
  }

  // Once a part was opened, the part where things happen is.
  follow(f) {
    const op = f.o ?? (f.n === undefined ? undefined : this.node(f.n).b);
    if (this.view === 0 || op === undefined || op < 0) return;
    const item = this.items[this.itemOfOp.get(op)];
    if (item && (!item.group || this.data.views[this.view].g === undefined)) return;
    let view = 0;
    for (const group of this.data.groups) if (group.u === view && group.a <= op && op < group.b) view = group.v;
    this.view = view;
    this.buildGraph();
  }

  // ---------------------------------------------------------------- moving

  jump(step) { this.pause(); this.go(step); }

  next() {
    this.pause();
    if (!this.asks(this.step + 1)) this.go(this.step + 1);
  }

  go(step) {
    step = Math.max(0, Math.min(this.last, step));
    if (step === this.step) return;
    this.step = step;
    this.question = null;
    this.follow(this.frame);
    this.draw();
    this.tell("step", step);
  }

  tell(name, value) {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.model.save_changes();
  }

  toOp(k) {
    const later = this.data.frames.findIndex((f, i) => i > this.step && f.o === k);
    this.jump(later >= 0 ? later : this.ran[k]);
  }

  toLine(key) {
    const ops = this.onLine.get(key);
    if (!ops) return;
    const later = this.data.frames.findIndex((f, i) => i > this.step && ops.includes(f.o));
    this.jump(later >= 0 ? later : this.ran[ops[0]]);
  }

  toggle() { if (this.timer) this.pause(); else this.play(); }

  play() {
    if (this.timer) return;
    if (this.step === this.last) this.go(0);
    this.timer = setInterval(() => {
      if (this.step === this.last || this.asks(this.step + 1)) this.pause();
      else this.go(this.step + 1);
    }, 1500 / this.rate);
    this.playing(true);
  }

  pause() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.playing(false);
  }

  playing(on) {
    this.playButton.querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
    this.playButton.setAttribute("aria-label", on ? "Pause" : "Play");
    this.tell("playing", on);
  }

  faster(by = 1) {
    this.rate = SPEEDS[(SPEEDS.indexOf(this.rate) + by) % SPEEDS.length];
    this.speed.textContent = `${this.rate}×`;
    this.speed.setAttribute("aria-label", `Speed ${this.rate} times`);
    if (this.timer) { this.pause(); this.play(); }
  }

  large() {
    this.box.classList.toggle("big");
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => this.next(), ArrowLeft: () => this.jump(this.step - 1),
      Home: () => this.jump(0), End: () => this.jump(this.last), " ": () => this.toggle(),
      "+": () => this.large(), Escape: () => (this.opened === null ? this.unfold(0) : this.open(null)),
    }[event.key];
    if (!act || (event.key === " " && event.target.matches("button"))) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  open(node) {
    this.opened = node;
    this.drawGraph(false);
    this.drawNow();
  }

  // ---------------------------------------------------------------- one frame

  draw() {
    const { step, last } = this;
    this.slider.value = step;
    this.slider.style.setProperty("--at", `${100 * step / last}%`);
    this.slider.setAttribute("aria-valuetext", `step ${step} of ${last}`);
    this.count.textContent = `step ${step} of ${last}`;
    this.score.textContent = this.quiz?.asked ? `${this.quiz.right} of ${this.quiz.asked} right` : "";
    this.box.classList.toggle("backward", step >= this.turn);
    this.drawCode();
    this.drawTape();
    this.drawGraph();
    this.drawNow();
  }

  drawCode() {
    this.marked?.classList.remove("now");
    const { o } = this.frame;
    this.marked = o === undefined ? null : this.line.get(this.op(o).c.join());
    if (!this.marked) return;
    this.marked.classList.add("now");
    reveal(this.lines, this.marked.offsetTop, this.marked.offsetTop + this.marked.offsetHeight);
  }

  drawTape() {
    const { o } = this.frame;
    const tape = this.data.lanes.length ? `The tape ${this.data.lanes[0]}` : "The tape";
    this.tapeTitle.textContent = this.step < this.turn ? tape : `${tape}, read from the end`;
    if (o !== undefined && !this.short) reveal(this.list, o * ROW, (o + 1) * ROW);
    this.drawRows();
    const row = this.list.querySelector(".row.now");
    if (row && this.short) reveal(this.list, row.offsetTop, row.offsetTop + row.offsetHeight);
  }

  // Only the rows that are seen exist: a tape may have thousands.
  drawRows() {
    const { ops, lanes } = this.data;
    const from = this.short ? 0 : Math.max(0, Math.floor(this.list.scrollTop / ROW) - 10);
    const to = Math.min(ops.length, this.short ? SHORT : from + 20 + Math.ceil((this.list.clientHeight || 330) / ROW));
    this.list.firstChild.replaceChildren(...ops.slice(from, to).map((op, i) => this.buildRow(op, from + i, lanes)));
  }

  buildRow(op, k, lanes) {
    const { o } = this.frame;
    const names = (nodes) => nodes.map((i) => this.name(i)).join(", ");
    const text = `${names(op.i)} → ${names(op.o)}`;
    const state = k === o ? " now" : this.ran[k] > this.step ? " later" : this.played[k] <= this.step ? " done" : "";
    return make("button", {
      type: "button", tabindex: -1, style: this.short ? null : `top:${k * ROW}px`, class: `row${state}`,
      onclick: () => this.toOp(k), title: `${op.n}: ${text}`,
    }, make("span", { class: "dim" }, `${k + 1}`),
    lanes.length ? make("span", { class: "lane-marks" }, lanes.map((_, lane) => this.mark(lane, op.t.includes(lane)))) : null,
    make("span", {}, op.n), make("span", {}, text));
  }

  drawGraph(scroll = true) {
    const f = this.frame;
    const on = f.o === undefined ? undefined : this.itemOfOp.get(f.o);
    this.chip.replaceChildren();
    for (const { op, position, to, el } of this.edges) {
      let name = "edge";
      let tip = null;
      if (op < 0) {
        const from = position, { group } = this.items[to];
        if (group && this.ran[group.a] > this.step) name += " later";
        if (this.back.get(`${from},${to}`) <= this.step) name += " played";
        const now = f.t === "run" ? this.op(f.o).i.some((i) => this.from(i) === from)
          : f.t === "add" && this.from(f.n) === from;
        if (on === to && now) name += ` ${f.t}`;
      } else {
        const at = this.given.get(`${op}.${position}`);
        const current = f.o === op && (f.t === "run" || f.p === position);
        if (this.ran[op] > this.step) name += " later";
        if (at <= this.step) name += " played";
        if (current && position >= 0) {
          name += ` ${f.t}`;
          tip = f.t === "run" ? ["end", "fwd"] : ["start", "bwd"];
          if (f.t === "add" && typeof f.c === "string") this.drawChip(el, f.c, this.items[on]);
        }
      }
      el.setAttribute("class", name);
      el.removeAttribute("marker-start");
      el.removeAttribute("marker-end");
      if (tip) el.setAttribute(`marker-${tip[0]}`, `url(#tip-${tip[1]})`);
    }
    this.items.forEach((item, i) => this.drawItem(item, f, i === on));
    if (scroll) this.scrollGraph(f);
  }

  // What is added, beside its edge: on the outer side of the sign it comes from.
  drawChip(edge, value, sign) {
    const text = /^[−\[]/.test(value) ? value : `+${value}`;
    if (text.length > CHIP) return;
    const length = edge.getTotalLength();
    const { x, y } = edge.getPointAtLength(length * 0.5);
    const width = text.length * 8.5 + 14;
    const left = sign && edge.getPointAtLength(length).x < sign.x + sign.w / 2 - 1;
    const room = PAD - width / 2 + Math.max(0, (this.canvas.clientWidth - this.canvas.firstChild.clientWidth) / 2 - 4);
    const at = Math.max(-room, Math.min(this.data.views[this.view].w + room, x + (left ? -1 : 1) * (width / 2 + 9)));
    this.chip.append(make("svg:rect", { x: at - width / 2, y: y - 12, width, height: 24, rx: 12 }),
      make("svg:text", { x: at, y: y + 5, "text-anchor": "middle" }, text));
  }

  drawItem(item, f, here) {
    const state = (...names) => item.g.setAttribute("class", ["item", item.name, ...names].filter(Boolean).join(" "));
    item.sign?.classList.toggle("now", here);
    if (item.kind === "o") return state(this.ran[item.id] > this.step && "later");
    if (item.kind === "g") {
      item.state.textContent = here ? this.op(f.o).n : item.count;
      return state(this.ran[item.group.a] > this.step && "later", here && "now");
    }
    const node = this.node(item.id);
    const at = this.added[item.id].findLast((k) => k <= this.step);
    const waits = at === undefined && this.step >= this.turn && this.added[item.id].length > 0;
    const made = node.b < 0 || this.ran[node.b] <= this.step;
    state(!made && "later", waits && "waits", this.opened === item.id && "opened",
      (f.n === item.id || (f.t === "run" && this.op(f.o).o.includes(item.id))) && "now",
      at !== undefined && "reached");
    const none = f.t === "end" && f.e.some(([i, v]) => i === item.id && v === null);
    const adjoint = none ? "None" : at === undefined ? (waits ? "…" : "") : this.data.frames[at].a;
    this.drawAdjoint(item, node, adjoint);
    return null;
  }

  drawAdjoint(item, node, adjoint) {
    const is = (name, value) => `${name} = ${typeof value === "string" ? value : "array"}`;
    item.title.textContent = [node.N ?? this.name(item.id), node.s,
      ...(typeof node.v === "string" && node.n ? [is(node.n, node.v)] : []),
      ...(adjoint && node.n ? [is(`adjoint of ${node.n}`, adjoint)] : [])].join("\n");
    item.adjoint.replaceChildren();
    if (!adjoint) return;
    if (typeof adjoint !== "string") {
      if (item.right) item.adjoint.append(this.mapAt(adjoint, item.right, 32).g);
      return;
    }
    const text = fitted(adjoint);
    item.adjoint.append(item.right ? make("svg:text", { x: item.right, y: 2 * LINE - 2 }, text)
      : make("svg:text", { x: 12, y: LINE * (node.l ? 3 : 2) },
        node.l || !node.n ? text : rich(`${bar(node.n)} = ${text}`, "svg:tspan")));
  }

  scrollGraph(f) {
    const i = this.itemOfOp.get(f.o) ?? this.itemOfNode.get(f.n);
    const goal = [this.items[i], this.items[this.itemOfNode.get(f.n)]].filter(Boolean);
    if (!goal.length) return;
    const edge = (pick, side) => pick(...goal.map(side));
    this.revealBox(edge(Math.min, (g) => g.x), edge(Math.min, (g) => g.y - 32),
      edge(Math.max, (g) => g.x + g.w), edge(Math.max, (g) => g.y + g.h));
  }

  // Scroll to a part of the drawing, which may be drawn smaller than it is.
  revealBox(...box) {
    const scale = this.canvas.firstChild.clientWidth / (this.data.views[this.view].w + 2 * PAD) || 1;
    const [left, top, right, bottom] = box.map((at) => scale * (at + PAD));
    reveal(this.canvas, top, bottom, left, right);
  }

  // ---------------------------------------------------------------- the words beside it

  drawNow() {
    const f = this.question === null || this.question === undefined ? this.frame : null;
    this.now.replaceChildren(...(f ? this.words(f) : this.ask(this.data.frames[this.question])));
    this.ledger.replaceChildren(...this.sums(this.opened ?? (f ? f.n : this.data.frames[this.question].n)));
  }

  words(f) {
    const line = (name, ...inside) => make("div", { class: name }, ...inside);
    const numbers = (name, ...inside) => line(name, ...inside.flat(2).map((part) =>
      (typeof part === "string" ? make("span", {}, part) : part)));
    const rule = (text, ...more) => line("rule", rich(text), ...more);
    const op = f.o === undefined ? null : this.op(f.o);
    if (f.t === "start") {
      const asked = this.data.nodes.filter((n) => n.k === "source").map((n) => n.n);
      return [line("head", "Nothing has run yet"),
        line("why", asked.length ? `Watched, and asked for: ${asked.slice(0, 6).join(", ")}${asked.length > 6 ? " …" : ""}.` : ""),
        line("hint", "Press the right arrow key for the next step, or ▶ to play.",
          this.quiz ? " On the way back, each number is asked for before it is shown." : "")];
    }
    if (f.t === "run") {
      const names = op.i.map((i) => this.name(i)), values = op.i.map((i) => this.show(this.node(i).v, [96, 56]));
      const spread = (parts, [open, between, close]) =>
        [open, ...parts.flatMap((part, i) => (i ? [between, part] : [part])), close].flat();
      const form = op.x ? ["", ` ${op.x} `, ""] : [`${op.n}(`, ", ", ")"];
      return [line("head", `${op.n} runs and is recorded`),
        op.y ? line("why", `A step of the backward pass of ${op.y}. It is made of operations, so it is recorded like any other.`) : null,
        rule(`${op.o.map((i) => this.name(i)).join(", ")} = `, ...spread(names, form)),
        numbers("num forward", ...spread(values, form), " = ",
          ...op.o.flatMap((i, j) => [j ? ", " : "", ...this.show(this.node(i).v)])),
        f.w ? line("why", f.w) : null,
        this.data.lanes.length ? line("why", this.whoSaw(op)) : null].filter(Boolean);
    }
    if (f.t === "seed") {
      return [line("head", "The walk backward begins"), rule(`${bar(this.name(f.n))} = `, ...this.show(f.a)),
        line("why", `How much does ${this.name(f.n)} change with itself? One for one.`)];
    }
    if (f.t === "end") {
      return [line("head", "The walk is at its end"), ...f.e.flatMap(([i, value]) => [
        rule(`${bar(this.name(i))} = `, ...(value === null ? ["None"] : this.show(value))),
        value === null ? line("why", this.node(i).w) : null]).filter(Boolean)];
    }
    const target = bar(this.name(f.n));
    const summed = f.l !== undefined;
    const sum = f.z === undefined ? [] : [...this.show(f.z), " + "];
    return [
      line("head", f.h),
      rule(`${target} ← ${f.z === undefined ? "" : `${target} + `}${summed ? `sum of ${f.r}` : f.r}`),
      ...(summed ? [
        numbers("num", f.q.flatMap((v) => this.show(v)), " = ", this.show(f.m)),
        line("why", f.l),
        numbers("num", sum, this.show(f.c), ...(sum.length ? [" = ", ...this.show(f.a)] : [])),
      ] : [numbers("num", sum, f.q.flatMap((v) => this.show(v)), " = ", this.show(f.a))]),
      f.w ? line("why", f.w) : null,
      op.s ? this.source(op) : null,
    ].filter(Boolean);
  }

  source(op) {
    return make("div", { class: "own" }, make("h4", {}, `The rule of ${op.n} itself, line ${op.s.l}`),
      make("pre", {}, op.s.t.join("\n")));
  }

  // What has been added to an adjoint; for a node that was opened, as rules with their numbers.
  sums(node) {
    if (node === undefined) return [];
    const all = this.added[node], opened = node === this.opened, facts = this.node(node);
    const name = this.name(node), target = bar(name);
    const close = make("button", { type: "button", class: "link", onclick: () => this.open(null) }, "close");
    const title = opened ? ["How ", ...rich(target), " is made", close] : ["What has been added to ", ...rich(target)];
    const about = opened ? make("div", {}, make("div", { class: "num forward" },
      facts.n ? make("span", {}, `${facts.N ?? facts.n} = `) : null, this.show(facts.v)),
    make("div", { class: "why" }, facts.s,
      facts.b >= 0 ? `, made by ${this.op(facts.b).n} on line ${this.lineOf(facts.b)}` : "")) : null;
    if (!all.length) {
      return opened ? [make("h4", {}, name, close), about,
        make("p", { class: "why" }, facts.w ?? "No gradient comes back to it in this walk.")] : [];
    }
    const middle = all.indexOf(this.step);
    const from = Math.max(0, Math.min(middle - 6, all.length - 14)), shown = all.slice(from, from + 14);
    const rows = shown.map((k) => {
      const f = this.data.frames[k], done = k <= this.step || opened;
      const first = f.t === "seed" ? "start" : this.op(f.o).n;
      const what = f.t === "seed" ? f.c ?? f.a : f.c;
      return make("tr", { class: k === this.step ? "now" : done ? "" : "later", onclick: () => this.jump(k) },
        make("td", {}, first, opened && f.r ? make("div", { class: "small" }, rich(f.r)) : null,
          opened && f.l ? make("div", { class: "small" }, f.l) : null),
        make("td", {}, ...(done ? this.show(what, [96, 48]) : ["not yet"])));
    });
    const hidden = all.length - shown.length;
    if (hidden) rows.push(make("tr", { class: "later" }, make("td", { colspan: 2 }, `and ${hidden} more`)));
    const total = this.data.frames[all.at(-1)].a;
    if (opened || (all.length > 1 && all.at(-1) <= this.step)) {
      rows.push(make("tr", { class: "total" }, make("td", {}, rich(target)), make("td", {}, ...this.show(total, [96, 48]))));
    }
    return [make("h4", {}, ...title), about, make("table", {}, rows)].filter(Boolean);
  }

  lineOf(op) {
    const [block, line] = this.op(op).c;
    return this.data.code[block].l + line;
  }

  // ---------------------------------------------------------------- predict first

  // Whether a step is to be predicted before it is shown; if so, ask.
  asks(step) {
    const f = this.data.frames[step];
    if (!this.quiz || f?.t !== "add" || typeof f.a !== "string" || f.a.includes("…")
      || this.quiz.known.has(step)) return false;
    if (this.question !== step) {
      this.question = step;
      this.tries = 0;
      this.drawNow();
      this.now.querySelector("input").focus();
    }
    return true;
  }

  ask(f) {
    const target = bar(this.name(f.n));
    const said = make("p", { class: "hint", role: "status" });
    const input = make("input", {
      type: "text", autocomplete: "off", "aria-label": `Your prediction for the ${spoken(target)}`,
      onkeydown: (event) => event.stopPropagation(), // a letter is a letter, not somebody's shortcut
    });
    const answer = () => {
      const [verdict, hint] = judged(input.value, f, target, this.node(f.n).s);
      if (verdict) return this.settle(this.tries === 0, "right");
      this.tries += 1;
      said.replaceChildren(...rich(hint));
      return input.focus();
    };
    return [make("div", { class: "head" }, `Predict: ${f.h}`),
      make("div", { class: "rule" }, rich(f.z === undefined ? `${target} has nothing yet` : `${target} = ${f.z} so far`)),
      make("form", { onsubmit: (event) => { event.preventDefault(); answer(); } },
        make("label", {}, "What is ", ...rich(target), " after this step? ", input),
        make("button", { type: "submit", class: "text" }, "Check"),
        make("button", { type: "button", class: "text", onclick: () => this.settle(false) }, "Show me")),
      said];
  }

  settle(right) {
    const step = this.question;
    this.quiz.known.add(step);
    this.quiz.asked += 1;
    if (right) this.quiz.right += 1;
    this.go(step);
    const word = this.tries || !right ? "Now look at how it comes about." : "Right.";
    this.now.prepend(make("p", { class: "hint", role: "status" }, word));
    this.box.focus();
  }
}

// Right or wrong, and a hint for the ways in which predictions go nearly right.
function judged(text, f, target, shape) {
  const numbers = (t) => (t.replaceAll("−", "-").match(/-?(\d+\.?\d*|\.\d+)(e-?\d+)?/gi) ?? []).map(Number);
  const given = numbers(text), wanted = numbers(f.a);
  const same = (a, b) => a.length === b.length
    && a.every((x, i) => Math.abs(x - b[i]) <= 0.006 * Math.abs(b[i]) + 6e-4);
  if (!given.length) return [false, "Write a number, or numbers with spaces between."];
  if (given.length !== wanted.length) return [false, `${target} has the shape of its tensor, ${shape}: ${wanted.length} number${wanted.length === 1 ? "" : "s"}.`];
  if (same(given, wanted)) return [true, ""];
  if (f.z !== undefined && same(given, numbers(f.c))) {
    return [false, `That is what this step gives. ${target} holds ${f.z} already, and contributions add up.`];
  }
  if (same(given, wanted.map((x) => -x))) return [false, "Nearly: look at the sign."];
  const factor = given[0] / wanted[0];
  if (wanted[0] && [2, 0.5, 3, 4, 0.25].some((k) => Math.abs(factor - k) < 0.01) && same(given, wanted.map((x) => x * factor))) {
    return [false, `Nearly: it is off by a factor of ${factor > 1 ? Math.round(factor) : `1/${Math.round(1 / factor)}`}.`];
  }
  return [false, `Not yet. The rule is ${f.r}${f.z === undefined ? "" : ", added to what is there"}.`];
}

const ICONS = {
  first: "M3 3v10M13 3L6 8l7 5z", back: "M11 3L4 8l7 5z", play: "M4.500 2.500L13 8l-8.500 5.500z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z", next: "M5 3l7 5-7 5z", end: "M13 3v10M3 3l7 5-7 5z",
  large: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

function render({ model, el }) {
  el.dataset.lmSuppressShortcuts = "true"; // else JupyterLab takes the keys before we see them
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const root = make("div", { class: "root" });
  shadow.replaceChildren(make("style", {}, CSS), root);
  const theme = () => root.classList.toggle("dark", isDark());
  theme();
  const watch = new MutationObserver(theme);
  watch.observe(document.body, { attributes: true });
  const goBack = model.get("key") ? takeOver(model.get("key")) : null;
  const stepper = new Stepper(model, root);
  const heard = {
    "change:step": () => stepper.go(model.get("step")),
    "change:playing": () => (model.get("playing") ? stepper.play() : stepper.pause()),
    "change:data": () => stepper.load(model.get("data")),
  };
  for (const [event, act] of Object.entries(heard)) model.on(event, act);
  return () => {
    goBack?.();
    watch.disconnect();
    stepper.pause();
    for (const [event, act] of Object.entries(heard)) model.off(event, act);
  };
}

export default { render };
