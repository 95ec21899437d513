// The words of a stepper: what happens now, how an adjoint adds up, and predicting it first.

const listed = (names) => names.join(", ").replace(/, ([^,]*)$/, " and $1");

// A sentence of `explain`: every other part of it, between backticks, is code.
const sentence = (text) => text.split("`").map((part, i) => (i % 2 ? make("code", {}, part) : part));

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

// A line of code; if it is too long it goes on behind a bracket, a little further in.
function codeLine(text, attributes = {}) {
  const indent = text.length - text.trimStart().length;
  const parts = (text.trim() || " ").split(/(?<=\()/u).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
  return make("div", { class: "line", style: `--in:${indent}ch`, ...attributes }, ...parts);
}

// Whoever extends this has the elements `now` and `ledger`, and moves by `go` and `jump`.
class Words extends Graph {
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
        line("hint", "Click here, then press the right arrow key for each step; or press ▶.",
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
        value === null ? line("why", sentence(this.node(i).w)) : null]).filter(Boolean)];
    }
    const target = bar(this.name(f.n));
    const summed = f.l !== undefined;
    const sum = f.z === undefined ? [] : [f.z, " + "];
    const worked = (terms, value) => numbers("num", terms.map((v) => this.show(v)),
      terms.length === 1 && terms[0] === value ? [] : [" = ", this.show(value)]); // one number: once
    return [
      line("head", f.h),
      rule(`${target} ← ${f.z === undefined ? "" : `${target} + `}${summed ? `sum of ${f.r}` : f.r}`),
      ...(summed ? [
        worked(f.q, f.m),
        line("why", f.l),
        worked([...sum, f.c], f.a),
      ] : [worked([...sum, ...f.q], f.a)]),
      f.w ? line("why", f.w) : null,
      op.s ? this.source(op) : null,
    ].filter(Boolean);
  }

  source(op) {
    return make("div", { class: "own" }, make("h4", {}, `The rule of ${op.n} itself, line ${op.s.l}`),
      make("pre", {}, op.s.t.map((text) => codeLine(text))));
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
        make("p", { class: "why" }, sentence(facts.w ?? "No gradient comes back to it in this walk."))] : [];
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

  whoSaw(op) {
    const { lanes } = this.data;
    if (!lanes.length) return "";
    const saw = op.t.map((lane) => lanes[lane]), missed = lanes.filter((_, lane) => !op.t.includes(lane));
    return missed.length ? `On ${listed(saw)} alone: ${listed(missed)} did not record it.` : `On ${saw.length === 2 ? "both" : "all"} tapes: ${listed(saw)}.`;
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
