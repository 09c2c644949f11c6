// Draws figures, given as plotly has them, as SVG: lines, points, bands, shaded phases, scales that are linear, logarithmic or of
// dates. Legend and views are buttons, arrows read the figure from point to point, and a table beside it says the same.
const SVG = "http://www.w3.org/2000/svg";
const DASHES = {dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "11 4"};
const LEFT = 50, RIGHT = 14, GAP = 34, BOTTOM = 44;

function make(name, attributes, parent, text) {
  const html = /^(div|button|span|table|tr|th|td|thead|tbody|caption|details|summary|select|option|label)$/.test(name);
  const made = html ? document.createElement(name) : document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

class Chart {
  constructor(place, figure) {
    Object.assign(this, {place, layout: figure.layout, at: null});
    this.traces = figure.data.map((trace) => ({...trace, line: {...trace.line}, error_y: {...trace.error_y}}));
    let heading = place;
    while (heading && !/^H\d$/.test(heading.tagName)) heading = heading.previousElementSibling;
    this.title = heading ? heading.textContent : "";
    this.axes = Object.keys(this.layout).filter((key) => key.startsWith("yaxis"));
    this.shown = new Map();
    for (const trace of this.traces)
      if (trace.name && trace.showlegend !== false) this.shown.set(trace.name, trace.visible !== "legendonly");
    this.menus();
    this.legend();
    this.svg = make("svg", {tabindex: 0, role: "img"}, place);
    this.readout = make("div", {class: "readout", "aria-live": "polite"}, place);
    this.details = make("details", {class: "numbers"}, place);
    make("summary", {}, this.details, "The figure as a table");
    this.details.addEventListener("toggle", () => this.table());
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(place);
    this.draw();
  }

  menus() {
    for (const menu of this.layout.updatemenus || []) {
      const bar = make("div", {class: "views"}, this.place);
      const take = (button) => { this.restyle(button.args); this.draw(); this.table(); };
      if (menu.type === "dropdown") {
        const label = make("label", {}, bar, menu.name + " ");
        const select = make("select", {}, label);
        for (const button of menu.buttons) make("option", {}, select, button.label);
        select.addEventListener("change", () => take(menu.buttons[select.selectedIndex]));
        continue;
      }
      const made = menu.buttons.map((button, place) => make("button", {type: "button", "aria-pressed": place === 0}, bar, button.label));
      made.forEach((one, place) => one.addEventListener("click", () => {
        made.forEach((other) => other.setAttribute("aria-pressed", other === one));
        take(menu.buttons[place]);
      }));
    }
  }

  restyle([data, layout]) {
    const put = (into, path, value) => {
      const keys = path.split("."), last = keys.pop();
      keys.reduce((inner, key) => (inner[key] ??= {}), into)[last] = value;
    };
    for (const [path, values] of Object.entries(data))
      this.traces.forEach((trace, place) => put(trace, path, Array.isArray(values) ? values[place] : values));
    for (const [path, value] of Object.entries(layout || {})) put(this.layout, path, value);
  }

  legend() {
    if (this.shown.size < 2) return;
    const bar = make("div", {class: "legend", role: "group", "aria-label": "Lines of the figure"}, this.place);
    for (const [name, on] of this.shown) {
      const trace = this.traces.find((one) => one.name === name);
      const button = make("button", {type: "button", "aria-pressed": on}, bar);
      const key = make("svg", {width: 26, height: 10, "aria-hidden": true}, button);
      this.stroke(make("path", {d: "M1 5H25"}, key), trace);
      make("span", {}, button, name);
      button.addEventListener("click", () => {
        this.shown.set(name, !this.shown.get(name));
        button.setAttribute("aria-pressed", this.shown.get(name));
        this.draw();
        this.table();
      });
    }
  }

  stroke(path, trace) {
    const line = trace.line;
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", line.color || (trace.marker || {}).color || "currentColor");
    path.setAttribute("stroke-width", line.width || 2);
    if (DASHES[line.dash]) path.setAttribute("stroke-dasharray", DASHES[line.dash]);
  }

  visible(axis) {
    const name = axis.replace("axis", "");
    return this.traces.filter((trace) => (trace.yaxis || "y") === name && this.shown.get(trace.name) !== false && trace.x);
  }

  // The scale of x: where a value lies (0 to 1), its ticks, and how it is written.
  across(width) {
    const axis = this.layout[this.axes.length > 1 ? "xaxis" + this.axes.length : "xaxis"] || {};
    const traces = this.axes.flatMap((one) => this.visible(one));
    const all = traces.flatMap((trace) => trace.x);
    const words = all.some((x) => typeof x === "string");
    this.dates = words && /^\d{4}-\d\d-\d\dT/.test(all.find((x) => typeof x === "string"));
    const names = words && !this.dates ? [...new Set(this.traces.flatMap((trace) => trace.x))] : null;
    const log = axis.type === "log";
    this.value = this.dates ? (x) => Date.parse(x + "Z") : names ? (x) => names.indexOf(x) : (x) => x;
    const found = all.map(this.value).filter((x) => Number.isFinite(x) && (!log || x > 0));
    let low = Math.min(...found), high = Math.max(...found);
    if (!found.length) [low, high] = [0, 1];
    if (names) [low, high] = [-0.5, names.length - 0.5];
    else if (low === high || traces.some((trace) => trace.mode.startsWith("markers"))) {
      const pad = (high - low || Math.abs(high) || 1) * 0.08;
      [low, high] = [low - pad, high + pad];
    }
    const many = Math.max(2, Math.floor(width / 90));
    const ticks = axis.tickvals ? axis.tickvals.map((value, place) => [value, axis.ticktext[place]])
      : names ? names.map((name, place) => [place, name])
      : this.dates ? days(low, high, many).map((at) => [at, moment(at, high - low < 2 * DAY)])
      : (log ? powers(low, high) : steps(low, high, many)).map((value) => [value, number(value)]);
    const bend = log ? Math.log10 : (x) => x;
    const title = (axis.title || {}).text || "";
    return {to: (x) => (bend(x) - bend(low)) / (bend(high) - bend(low)), low, high, ticks: ticks.filter(([at]) => at >= low && at <= high), title,
      text: (x) => this.dates ? moment(x, true) : names ? names[x] : number(x)};
  }

  up(axis, traces, height) {
    const own = this.layout[axis], log = own.type === "log";
    const values = traces.flatMap((trace) => trace.y.flatMap((y, i) =>
      y == null || (log && y <= 0) ? [] : [y + ((trace.error_y.array || [])[i] || 0), y - ((trace.error_y.arrayminus || [])[i] || 0)]));
    for (const shape of this.layout.shapes || []) if (shape.type === "line" && shape.yref === axis.replace("axis", "")) values.push(shape.y0);
    if (own.rangemode === "tozero") values.push(0);
    let [low, high] = own.range && !log ? own.range : [Math.min(...values), Math.max(...values)];
    if (!values.length && !own.range) [low, high] = log ? [0.5, 2] : [0, 1];
    if (log) [low, high] = [low / 1.06, high * 1.06];
    else if (!own.range) { const pad = (high - low || Math.abs(high) || 1) * 0.06; [low, high] = [low - pad * (own.rangemode !== "tozero"), high + pad]; }
    const bend = log ? Math.log10 : (y) => y;
    const share = (own.tickformat || "").endsWith("%");
    const ticks = own.tickvals ? own.tickvals.map((value, place) => [value, own.ticktext[place]])
      : (log ? powers(low, high) : steps(low, high, Math.max(3, height / 40))).map((value) => [value, share ? +(100 * value).toFixed(4) + "%" : number(value)]);
    return {to: (y) => 1 - (bend(y) - bend(low)) / (bend(high) - bend(low)), ticks: ticks.filter(([at]) => at >= low && at <= high), share, log};
  }

  draw() {
    const width = Math.max(this.place.clientWidth, 260), inner = width - LEFT - RIGHT, count = this.axes.length;
    const x = this.across(inner), px = (value) => LEFT + inner * x.to(value);
    const phases = this.phases(px, width), top = 24 + 14 * phases.rows;
    const height = Math.max(130, ((this.layout.height || 420) - 120) / count - GAP);
    const total = top + count * (height + GAP) - GAP + BOTTOM;
    this.svg.replaceChildren();
    for (const [key, value] of Object.entries({width, height: total, viewBox: `0 0 ${width} ${total}`})) this.svg.setAttribute(key, value);
    this.svg.setAttribute("aria-label", `${this.title}. Arrow keys read it point by point; a table follows.`);
    for (const [left, row, text] of phases.labels) make("text", {x: left, y: 12 + 14 * row, class: "phase"}, this.svg, text);
    this.axes.forEach((axis, place) => this.panel(axis, top + place * (height + GAP), height, x, px, width, phases.rows * 14));
    const bottom = total - BOTTOM;
    let last = -1e9;
    for (const [value, text] of x.ticks) {
      const at = px(value), half = text.length * 3.4;
      if (at - half < last || at + half > width) continue;
      last = at + half + 8;
      make("text", {x: at, y: bottom + 17, "text-anchor": "middle"}, this.svg, text);
    }
    make("text", {x: LEFT + inner / 2, y: bottom + 36, "text-anchor": "middle", class: "title"}, this.svg, x.title);
    this.guide = make("path", {class: "guide"}, this.svg);
    Object.assign(this, {px, scale: x, top, bottom});
    if (this.at !== null) this.read(this.at);
  }

  // Names of shaded phases, on as many rows as they need to stand beside each other.
  phases(px, width) {
    const ends = [], labels = [];
    for (const note of this.layout.annotations || []) {
      const length = note.text.length * 6.2 + 8;
      const left = Math.min(px(this.value(note.x)), width - length);
      let row = ends.findIndex((end) => end <= left);
      if (row < 0) row = ends.length;
      ends[row] = left + length;
      labels.push([left, row, note.text]);
    }
    return {labels, rows: ends.length};
  }

  panel(axis, top, height, x, px, width, above) {
    const traces = this.visible(axis), y = this.up(axis, traces, height), py = (value) => top + height * y.to(value);
    const own = this.layout[axis], ref = axis.replace("axis", "");
    make("text", {x: 4, y: top - 9, class: "title"}, this.svg, (own.title || {}).text || "");
    for (const shape of this.layout.shapes || []) {
      if (shape.type !== "rect" || !shape.yref.startsWith(ref + " ")) continue;
      const [from, to] = [shape.x0, shape.x1].map((end) => Math.min(Math.max(this.value(end), x.low), x.high));
      if (to > from) make("rect", {x: px(from), y: top, width: px(to) - px(from), height, fill: shape.fillcolor, opacity: 0.14}, this.svg);
    }
    let last = 1e9;
    for (const [value, text] of y.ticks) {
      make("path", {d: `M${LEFT} ${py(value)}H${width - RIGHT}`, class: "grid"}, this.svg);
      if (last - py(value) < 12) continue;
      last = py(value);
      make("text", {x: LEFT - 6, y: py(value) + 4, "text-anchor": "end"}, this.svg, text);
    }
    for (const shape of this.layout.shapes || [])
      if (shape.type === "line" && shape.yref === ref) make("path", {d: `M${LEFT} ${py(shape.y0)}H${width - RIGHT}`, class: "level"}, this.svg);
    const labels = [];
    for (const trace of traces) this.trace(trace, y.log, px, py, labels, width);
  }

  trace(trace, log, px, py, labels, width) {
    const colour = trace.line.color || (trace.marker || {}).color || "currentColor";
    const points = trace.x.map((x, i) => trace.y[i] == null || (log && trace.y[i] <= 0) ? null : [px(this.value(x)), py(trace.y[i]), i]);
    const {array: more, arrayminus: less} = trace.error_y, marks = (trace.mode || "").includes("markers");
    if (more) {
      const known = points.filter((point) => point && more[point[2]] != null);
      const ends = known.map(([x, , i]) => [x, py(trace.y[i] + more[i]), py(trace.y[i] - less[i])]);
      if (marks) for (const [x, high, low] of ends) make("path", {d: `M${x} ${high}V${low}`, stroke: colour}, this.svg);
      else if (ends.length > 1)
        make("path", {d: "M" + ends.map(([x, high]) => x + " " + high).join("L") + "L" + ends.reverse().map(([x, , low]) => x + " " + low).join("L") + "Z",
          fill: colour, opacity: 0.18}, this.svg);
    }
    if ((trace.mode || "lines").includes("lines")) {
      let path = "", down = false;
      for (const point of points) {
        if (point) path += !down ? `M${point[0]} ${point[1]}` : trace.line.shape === "hv" ? `H${point[0]}V${point[1]}` : `L${point[0]} ${point[1]}`;
        down = !!point;
      }
      this.stroke(make("path", {d: path, "stroke-linejoin": "round"}, this.svg), trace);
    }
    if (!marks) return;
    for (const [x, y, i] of points.filter(Boolean)) {
      make("circle", {cx: x, cy: y, r: ((trace.marker || {}).size || 6) / 2, fill: colour}, this.svg);
      const text = trace.text && trace.text[i];
      if (!text) continue;
      const long = text.length * 6.4, middle = Math.min(Math.max(x - long / 2, 0), width - long);
      const free = ([left, at]) => left >= 0 && left + long <= width && !labels.some(([a, b, c]) => Math.abs(b - at) < 13 && left < c && a < left + long);
      const place = [[x + 8, y], [x - 8 - long, y], [middle, y - 14], [middle, y + 14]].find(free);
      if (!place) continue;
      labels.push([...place, place[0] + long]);
      make("text", {x: place[0], y: place[1] + 4}, this.svg, text);
    }
  }

  places() {
    const all = this.axes.flatMap((axis) => this.visible(axis)).flatMap((trace) => trace.x).map(this.value);
    return [...new Set(all)].sort((a, b) => a - b);
  }

  point(event) {
    const left = event.clientX - this.svg.getBoundingClientRect().left;
    const away = (value) => Math.abs(this.px(value) - left);
    const places = this.places();
    if (places.length) this.read(places.reduce((best, one) => (away(one) < away(best) ? one : best)));
  }

  key(event) {
    const places = this.places(), now = this.at === null ? -1 : places.findLastIndex((one) => one <= this.at);
    const to = {ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: places.length - 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (places.length) this.read(places[Math.min(Math.max(to, 0), places.length - 1)]);
  }

  // Says what the lines are at one place.
  read(at) {
    this.at = at;
    this.guide.setAttribute("d", `M${this.px(at)} ${this.top}V${this.bottom}`);
    const said = [];
    for (const axis of this.axes) {
      const share = (this.layout[axis].tickformat || "").endsWith("%"), title = (this.layout[axis].title || {}).text || "";
      const own = [];
      for (const trace of this.visible(axis)) {
        const i = trace.x.findIndex((x) => this.value(x) === at);
        if (i >= 0 && trace.y[i] != null && trace.name) own.push(`${trace.name} ${this.cell(trace, i, share)}`);
      }
      if (own.length) said.push((this.axes.length > 1 ? title + ": " : "") + own.join(", "));
    }
    this.readout.textContent = this.scale.text(at) + ": " + said.join("; ");
  }

  cell(trace, i, share) {
    const more = (trace.error_y.array || [])[i], less = (trace.error_y.arrayminus || [])[i];
    const range = more ? ` (${number(trace.y[i] - less, share)} to ${number(trace.y[i] + more, share)})` : "";
    return number(trace.y[i], share) + range;
  }

  table() {
    this.details.querySelectorAll(".scroll").forEach((old) => old.remove());
    if (!this.details.open) return;
    for (const axis of this.axes) {
      const share = (this.layout[axis].tickformat || "").endsWith("%");
      const traces = this.visible(axis).filter((trace) => trace.name);
      const table = make("table", {}, make("div", {class: "scroll"}, this.details));
      make("caption", {}, table, ((this.layout[axis].title || {}).text || "") + " of the lines that are shown");
      const head = make("tr", {}, make("thead", {}, table));
      make("th", {class: "name", scope: "col"}, head, this.scale.title || "x");
      for (const trace of traces) make("th", {scope: "col"}, head, trace.name);
      const body = make("tbody", {}, table), places = traces.map((trace) => new Map(trace.x.map((x, i) => [this.value(x), i])));
      for (const at of this.places()) {
        const row = make("tr", {}, body);
        make("th", {class: "name", scope: "row"}, row, this.scale.text(at));
        traces.forEach((trace, one) => make("td", {}, row, places[one].has(at) ? this.cell(trace, places[one].get(at), share) : ""));
      }
    }
  }
}
