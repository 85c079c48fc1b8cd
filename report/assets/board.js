// Sorts, filters and draws the board. Every number and word comes from Python: here is only how they look.
(function () {
  "use strict";

  const SHOWN = 20; // rows at first: more are shown when asked for
  const DRAWN = 100; // lines of a chart: more could not be told apart
  const COLOURS = 8; // that report.css has
  const SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);

  const rows = data.rows.map(([machine, contender, device, dream, versions, note, accelerator,
    times, faster, joules, created, day, address, curve, texts]) => {
    const row = { dream, accelerator, times, faster, joules, created, day, address, curve, texts };
    const shared = { machine, contender, device, versions, note };
    for (const name in shared) row[name] = data.texts[shared[name]];
    row.words = [row.machine, row.contender, row.device, row.versions, row.note, day].join(" ").toLowerCase();
    return row;
  });
  const hasEnergy = rows.some((row) => row.joules.some((one) => one.length));
  const state = { column: "time0", down: false, most: SHOWN };

  function element(name, text, kind) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  // --- The table -------------------------------------------------------------------------------

  const figure = (cell) => (cell.length ? cell[0] : null);
  const VALUES = {
    machine: (row) => `${row.machine} ${row.contender}`,
    versions: (row) => row.versions,
    created: (row) => row.created,
    time: (row, number) => figure(row.times[number]),
    faster: (row, number) => figure(row.faster[number]),
    joules: (row, number) => figure(row.joules[number]),
  };

  function value(row) {
    const [, name, number] = state.column.match(/^([a-z]+)(\d*)$/);
    return VALUES[name](row, Number(number));
  }

  // What has no figure stands last, whichever way the others are sorted.
  function order(one, other) {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    const less = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return state.down ? -less : less;
  }

  function chosen() {
    const wanted = at("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [dream, kind] = [at("dream").value, at("kind").value];
    return rows
      .filter((row) => dream === "" || row.dream === Number(dream))
      .filter((row) => kind === "" || row.accelerator === Number(kind))
      .filter((row) => wanted.every((word) => row.words.includes(word)))
      .sort(order);
  }

  function cell([, text, sure], none) {
    const made = element("td", text === undefined ? none : text, "number");
    if (sure) made.append(element("small", sure));
    return made;
  }

  function line(row) {
    const made = element("tr");
    const name = element("th");
    name.scope = "row";
    const title = element(row.address ? "a" : "span");
    title.append(...row.machine.split("; ").flatMap((part) => [element("br"), part]).slice(1));
    if (row.address) title.href = row.address;
    name.append(title, element("small", row.contender), ...(row.note ? [element("small", row.note, "note")] : []));
    const energy = hasEnergy ? row.joules : [];
    made.append(name, ...row.times.concat(row.faster, energy).map((one) => cell(one, "–")));
    const versions = element("td");
    versions.append(...row.versions.split(", ").map((one) => element("div", one)));
    made.append(versions, element("td", row.day, "number"));
    return made;
  }

  function show() {
    const found = chosen();
    const shown = found.slice(0, state.most);
    at("rows").tBodies[0].replaceChildren(...shown.map(line));
    at("count").textContent = `${found.length} of ${rows.length} rows` +
      (shown.length < found.length ? `, the first ${shown.length} shown` : "");
    at("more").hidden = shown.length === found.length;
    at("more").textContent = `Show all ${found.length} rows`;
    for (const button of document.querySelectorAll("#rows button")) {
      const sorted = button.dataset.column === state.column;
      const direction = state.down ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", sorted ? direction : "none");
    }
    drawRatios(found);
  }

  function sortBy(column) {
    const best = column.startsWith("faster") || column === "created"; // the largest first
    state.down = state.column === column ? !state.down : best;
    state.column = column;
    show();
  }

  // --- Drawings --------------------------------------------------------------------------------

  function svg(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const short = (number) => String(Number(number.toPrecision(3)));

  function seconds(number) {
    for (const [factor, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]])
      if (number >= factor * 0.9995) return `${short(number / factor)} ${unit}`;
    return `${short(number * 1e9)} ns`;
  }

  // 1, 2 and 5 of each power of ten, or finer where fewer than three of them are in view.
  function levels(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1)
      for (const digit of [1, 2, 5]) found.push(digit * 10 ** power);
    const inside = found.filter((level) => level >= low && level <= high);
    if (inside.length >= 3) return inside.filter((_, number) => number % Math.ceil(inside.length / 8) === 0);
    const step = [1, 2, 2.5, 5, 10].map((digit) => digit * 10 ** Math.floor(Math.log10((high - low) / 3)))
      .filter((size) => size <= (high - low) / 3).pop() || (high - low) / 3;
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, number) => (first + number) * step);
  }

  const along = (value, [low, high]) => (high > low ? (value - low) / (high - low) : 0.5);

  // Curves are {title, address, colour, points: [x, value, low, high, text]}; `axis` says where x
  // is, its ticks, and how a value reads.
  function draw(section, curves, axis, none) {
    const place = section.querySelector(".drawing");
    const reading = section.querySelector(":scope > .reading");
    reading.textContent = "";
    if (!curves.length) return place.replaceChildren(element("p", none));
    const [width, height, left, right, top, bottom] = [Math.max(300, place.clientWidth), 380, 64, 16, 12, 44];
    const values = curves.flatMap((curve) => curve.points.flatMap((point) => [point[2], point[3]]));
    const span = [Math.min(...values, axis.line || Infinity) / 1.12, Math.max(...values, axis.line || 0) * 1.12];
    const x = (number) => left + 12 + along(axis.place(number), axis.ends) * (width - left - right - 24);
    const y = (number) => height - bottom - along(Math.log(number), span.map(Math.log)) * (height - top - bottom);
    const made = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": axis.label });
    for (const level of levels(...span))
      made.append(
        svg("line", { class: level === axis.line ? "line" : "grid", x1: left, x2: width - right, y1: y(level), y2: y(level) }),
        svg("text", { class: "tick", x: left - 8, y: y(level) + 4, "text-anchor": "end" }, axis.read(level)),
      );
    let free = -Infinity;
    for (const [number, text] of axis.ticks) {
      made.append(svg("line", { class: "grid", x1: x(number), x2: x(number), y1: top, y2: height - bottom }));
      const half = text.length * 3.8;
      const middle = Math.min(Math.max(x(number), half), width - half);
      if (middle - half < free) continue; // it would print over the one before
      made.append(svg("text", { class: "tick", x: middle, y: height - bottom + 18, "text-anchor": "middle" }, text));
      free = middle + half + 8;
    }
    made.append(svg("text", { class: "tick", x: width - right, y: height - 6, "text-anchor": "end" }, axis.title));
    const tell = (text) => { reading.textContent = text; };
    curves.forEach((curve, number) => { // beside one another, where they are of one moment
      const aside = (number - (curves.length - 1) / 2) * (axis.apart || 0);
      made.append(drawn(curve, (place) => x(place) + aside, y, tell));
    });
    place.replaceChildren(made);
  }

  function drawn(curve, x, y, tell) {
    const group = svg("g", { class: `curve c${curve.colour % COLOURS}` });
    const path = curve.points.map(([place, value]) => `${x(place)},${y(value)}`).join(" ");
    group.append(svg("polyline", { points: path }));
    for (const [place, value, low, high, text] of curve.points) {
      group.append(
        svg("line", { x1: x(place), x2: x(place), y1: y(low), y2: y(high) }),
        svg("circle", { cx: x(place), cy: y(value), r: 4 }),
      );
      const target = svg("circle", { class: "target", cx: x(place), cy: y(value), r: 12 });
      target.append(svg("title", {}, `${curve.title}\n${text}`));
      target.addEventListener("pointerenter", () => tell(`${curve.title}, ${text}`));
      group.append(target);
    }
    if (!curve.address) return group;
    const link = svg("a", { href: curve.address, "aria-label": curve.title });
    link.addEventListener("focus", () => tell(`${curve.title}: ${curve.points.map((point) => point[4]).join("; ")}`));
    link.append(group);
    return link;
  }

  function drawRatios(found) {
    const curves = found.filter((row) => row.curve.length).slice(0, DRAWN).map((row, number) => ({
      title: `${row.machine}, ${row.contender}`,
      address: row.address,
      colour: number,
      points: row.curve.map((point, index) => [...point, row.texts[index]]),
    }));
    const points = curves.flatMap((curve) => curve.points);
    const pixels = points.map((point) => point[0]);
    const ends = [Math.min(...pixels), Math.max(...pixels)].map(Math.log);
    const ticks = [...new Map(points.map((point) => [point[0], point[4].split(":")[0]]))].sort((a, b) => a[0] - b[0]);
    const axis = {
      place: Math.log, ends, ticks, line: 1, read: (level) => `${short(level)}×`,
      title: "size of the picture", label: "times as fast as the CPU, by pixels",
    };
    draw(at("ratios"), curves, axis, "None of the rows above has an accelerator that was timed beside its CPU.");
  }

  const day = (text) => Date.parse(text);

  function drawHistory() {
    const [machine, number] = [at("machine").value, Number(at("size").value)];
    const dream = at("dream").value;
    const mine = rows.filter((row) => row.machine === machine && row.times[number].length && !Number.isNaN(day(row.created)) &&
      (dream === "" || row.dream === Number(dream)));
    const names = [...new Set(mine.map((row) => row.contender))];
    const curves = names.map((name, colour) => ({
      title: name,
      colour,
      points: mine.filter((row) => row.contender === name).sort((a, b) => day(a.created) - day(b.created))
        .map((row) => [day(row.created), ...bounds(row.times[number]), `${row.day}: ${row.times[number][1]}, ${row.versions}`]),
    }));
    const days = mine.map((row) => day(row.created));
    const ticks = [...new Map(mine.map((row) => [row.day, day(row.created)]))].map(([text, when]) => [when, text]);
    const axis = {
      place: (when) => when, ends: [Math.min(...days), Math.max(...days)], read: seconds,
      ticks: ticks.sort((a, b) => a[0] - b[0]), title: "", apart: 5, label: `dream times of ${machine} by day`,
    };
    draw(at("history"), curves, axis, "No such dream was timed on it.");
    const keys = names.map((name, colour) => element("span", name, `name c${colour % COLOURS}`));

    document.querySelector("#history .legend").replaceChildren(...keys);
  }

  const bounds = ([middle, , , low, high]) => [middle, low, high];

  // --- What can be chosen ----------------------------------------------------------------------

  function option(value, text) {
    const made = element("option", text);
    made.value = value;
    return made;
  }

  function fill() {
    const dreams = [...new Set(rows.map((row) => row.dream))];
    at("dream").append(...dreams.map((number) => option(number, data.texts[number])), option("", "any dream"));
    at("dream").value = data.usual;
    const counts = new Map();
    for (const row of rows) if (row.address) counts.set(row.machine, (counts.get(row.machine) || 0) + 1);
    const machines = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => option(name, name));
    at("machine").append(...machines);
  }

  function later(act) { // once for many keys that are typed in a row
    let waiting = 0;
    return () => { clearTimeout(waiting); waiting = setTimeout(act, 120); };
  }

  if (!hasEnergy) document.querySelectorAll("#rows .energy").forEach((heading) => heading.remove());
  fill();
  const anew = () => { state.most = SHOWN; show(); drawHistory(); };
  at("find").addEventListener("input", later(anew));
  for (const id of ["dream", "kind"]) at(id).addEventListener("change", anew);
  for (const id of ["machine", "size"]) at(id).addEventListener("change", drawHistory);
  for (const button of document.querySelectorAll("#rows button"))
    button.addEventListener("click", () => sortBy(button.dataset.column));
  at("more").addEventListener("click", () => { state.most = Infinity; show(); });
  for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("resize", later(anew));
  anew();
})();
