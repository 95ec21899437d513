// The stepper: plays the frames of a picture that Python made (picture.py says what is in it). Behind it
// stand graph.js and words.js, which draw; here are the controls, the code, the tape, and moving.
// Nothing is computed here; every number and every sentence comes with the data. It is loaded as an
// anywidget beside a running kernel, or by the page that holds the data.

const SPEEDS = [0.5, 1, 2, 4];
const ROW = 27; // height of a row of the tape
const SHORT = 60; // records: the rows of a tape with no more are as high as their text
const LANES = ["M8 13.5m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0", "M8 7.5l6 6-6 6-6-6z", "M3.500 9h9v9h-9z", "M8 8l6 11H2z"];

class Stepper extends Words {
  constructor(model, root) {
    super();
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
        const line = codeLine(text, {
          class: this.onLine.has(key) ? "line live" : "line", onclick: () => this.toLine(key),
        });
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
