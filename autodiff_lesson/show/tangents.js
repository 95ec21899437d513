// show.tangent: the table that Python computed, looked at along x and along h.

function explore(model, root) {
  const data = model.get("data");
  const chosen = { ...model.get("chosen") };
  const { xs, f, g, hs, q } = data;
  const nearest = (list, v) => list.reduce((best, x, i) => (Math.abs(x - v) < Math.abs(list[best] - v) ? i : best), 0);
  let i = nearest(xs, chosen.x), k = nearest(hs.map(Math.log), Math.log(chosen.h));

  const known = f.filter((v) => v !== null);
  const low = Math.min(...known), high = Math.max(...known), room = (high - low) * 0.08 || 1;
  const errors = hs.map((_, m) => xs.map((_, j) => (q[m][j] === null || g[j] === null ? null : Math.abs(q[m][j] - g[j]))));
  const power = (e) => (e === null ? null : Math.log10(Math.max(e, data.floor)));
  const powers = errors.flat().filter((e) => e !== null).map(power);
  const span = [Math.floor(Math.min(...powers, -1)), Math.ceil(Math.max(...powers, 0))];

  const sx = slider({ label: "x", min: 0, max: xs.length - 1, step: 1, value: i, show: (j) => number(xs[j]), act: (j) => move(j, k) });
  const sh = slider({ label: "h", min: 0, max: hs.length - 1, step: 1, value: k, show: (m) => number(hs[m], 2), act: (m) => move(i, m) });
  const main = make("section", { class: "drag" }, make("h4", {}, "The curve, its tangent, a secant"));
  const side = make("section", {}, make("h4", {}, "Two slopes"));
  const facts = make("table", { class: "facts", "aria-live": "polite" });
  side.append(facts, make("h4", { style: "margin-top:14px" }, "The error for every h at this x"));
  root.replaceChildren(frame(data.title,
    make("header", {}, make("b", { class: "title" }, data.title), sx.row, sh.row),
    make("div", { class: "two" }, main, side)));
  const curve = new Plot(main, "The curve with its tangent and a secant", 400);
  const errorPlot = new Plot(side, "The error of the difference quotient against h", 230);
  const note = make("p", { class: "note" });
  side.append(note);

  curve.svg.addEventListener("pointerdown", (event) => {
    curve.svg.setPointerCapture(event.pointerId);
    follow(event);
  });
  curve.svg.addEventListener("pointermove", (event) => event.buttons && follow(event));
  const follow = (event) => move(nearest(xs, curve.at(event)[0]), k);

  function move(j, m) {
    [i, k] = [j, m];
    sx.set(i);
    sh.set(k);
    draw();
    choose(model, { x: xs[i], h: hs[k] });
  }

  function row(name, value, tone, dashed) {
    return make("tr", { class: dashed ? "is-dashed" : "", style: tone ? `--tone:var(${tone})` : "" }, make("td", {}, name), make("td", {}, value));
  }

  function draw() {
    const x = xs[i], h = hs[k], y = f[i], slope = g[i], quotient = q[k][i], error = errors[k][i];
    curve.start({ x: [xs[0], xs.at(-1)], y: [low - room, high + room], xName: "x", yName: data.name });
    curve.line(xs.map((v, j) => [v, f[j]]), { class: "curve" });
    const along = (s) => (s === null || y === null ? [] : [xs[0], xs.at(-1)].map((v) => [v, y + s * (v - x)]));
    curve.line(along(quotient), { class: "sec" });
    curve.line(along(slope), { class: "tan" });
    if (quotient !== null && y !== null) {
      const end = y + quotient * h;
      curve.line([[x, y], [x + h, y], [x + h, end]], { class: "leg" });
      curve.dot(x + h, end, { class: "sec-dot" });
    }
    curve.dot(x, y, { class: "tan-dot" });
    facts.replaceChildren(
      row(`${data.name} at x = ${number(x)}`, number(y, 7)),
      row("the tape's gradient", number(slope, 7), "--bwd"),
      row(`(f(x+h) − f(x)) / h`, number(quotient, 7), "--fwd", true),
      row("its error", number(error, 2)));
    errorPlot.start({ x: [Math.log10(hs[0]), Math.log10(hs.at(-1))], y: span, logX: true, logY: true, xName: "h", yName: "error" });
    errorPlot.line(hs.map((v, m) => [Math.log10(v), power(errors[m][i])]), { class: "sec", style: "stroke-dasharray:none" });
    errorPlot.dot(Math.log10(h), power(error), { class: "sec-dot", r: 6 });
    note.textContent = error === null ? "" : said(error);
  }

  function said(error) {
    const at = errors.map((list, m) => [list[i], m]).filter(([e]) => e !== null).sort((a, b) => a[0] - b[0] || b[1] - a[1])[0];
    if (!at) return "";
    const best = hs[at[1]];
    if (error === 0) return `Here the quotient is exact in ${data.dtype}.`;
    if (hs[k] < best * 0.9) return `Below h = ${number(best, 2)} rounding in ${data.dtype} spoils the difference.`;
    if (hs[k] > best * 1.1) return "The secant still cuts the curve: a smaller h is better.";
    return `No h here does better at this x: smaller ones lose digits of ${data.dtype}.`;
  }

  return { draw, chosen: () => {
    const now = model.get("chosen");
    const [j, m] = [nearest(xs, now.x), nearest(hs.map(Math.log), Math.log(now.h))];
    if (j !== i || m !== k) { i = j; k = m; sx.set(i); sh.set(k); draw(); }
  } };
}
