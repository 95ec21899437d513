// What the stepper and the explorers stand on: elements, the theme, and a host without a kernel. It is
// put in front of a module that defines `render({ model, el })`, as anywidget calls it.

const CSS = "/* style */";
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes, ...children) {
  const svg = tag.startsWith("svg:");
  const el = svg ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === false || value === null) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else el.setAttribute(key, value);
  }
  el.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return el;
}

// JupyterLab says which theme it is in; elsewhere the browser does.
function isDark() {
  const { jpThemeLight } = document.body.dataset;
  const { classList } = document.body;
  if (jpThemeLight !== undefined) return jpThemeLight === "false";
  if (classList.contains("vscode-dark")) return true;
  return !classList.contains("vscode-light") && matchMedia("(prefers-color-scheme: dark)").matches;
}

// A page that needs no kernel stands in for a widget until that is there; when it is gone again, for
// instance because the kernel was restarted, the page comes back. It is a rule of CSS that hides it, since
// JupyterLab may put the page into the document after the widget.
function takeOver(key) {
  const rule = make("style", {}, `[data-autodiff="${key}"] { display: none; }`);
  document.head.append(rule);
  return () => rule.remove();
}

// In a notebook without a kernel JupyterLab says for ever that it is loading the widget.
function hideLoading(output) {
  const check = () => { output.style.display = /^(Loading|Error displaying) widget/.test(output.textContent.trim()) ? "none" : ""; };
  check();
  new MutationObserver(check).observe(output, { childList: true, subtree: true, characterData: true });
}

// What anywidget does, in a page that has no kernel behind it; data may be packed.
async function host(key, state) {
  if (typeof state === "string") {
    const packed = Uint8Array.from(atob(state), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    state = await new Response(stream).json();
  }
  for (const el of document.querySelectorAll(`[data-autodiff="${key}"]`)) {
    if (el.shadowRoot) continue;
    const next = el.closest(".jp-OutputArea-child")?.nextElementSibling;
    if (next && state.kernel === false) hideLoading(next);
    const own = { playing: false, ...state };
    render({ el, model: {
      get: (name) => own[name], set: (name, value) => { own[name] = value; },
      on() {}, off() {}, save_changes() {},
    } });
  }
}
