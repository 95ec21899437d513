// The graph of a stepper: boxes and edges of one view, folded parts, and what is lit at a frame.

const PAD = 12; // around the graph
const HEAT = [64, 44]; // a heat map in a box is at most this large
const LINE = 23; // a line of text in a box
const WIDE = 22; // characters of a value in a box
const CHIP = 12; // characters of what is shown beside an edge
const ONE_LINE = 20; // characters of a name and a shape above a heat map

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

// Of a vector in long numbers, the first and the last.
const fitted = (text) => (text.length <= WIDE ? text : text.replace(/ .* /, " … "));

// Scroll a panel, and only it, so that something in it is seen.
function reveal(panel, top, bottom, left, right) {
  const away = (from, to, start, size) =>
    from < start + 8 || to > start + size - 8 ? Math.max(0, (from + to - size) / 2) : start;
  panel.scrollTop = away(top, bottom, panel.scrollTop, panel.clientHeight);
  if (left !== undefined) panel.scrollLeft = away(left, right, panel.scrollLeft, panel.clientWidth);
}

// Whoever extends this has the data and the step, and the elements `box`, `canvas` and `crumbs`.
class Graph {
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

  // ---------------------------------------------------------------- building one view

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

  // ---------------------------------------------------------------- one frame

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
    const at = Math.max(-room, Math.min(this.data.views[this.view].w + room, x + (left ? -1 : 1) * (width / 2 + 13)));
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
}
