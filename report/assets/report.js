// Draws the charts. Every number and word comes from Python: here is only how they look.
(function () {
  "use strict";

  const POINTS = ["circle", "triangle", "rect", "rectRot", "star", "cross", "rectRounded", "crossRot"];
  const NAMED = 8; // colours that report.css has
  const charts = [];

  // Where the colours begin again the points are others.
  const pointOf = (number) => POINTS[(number + Math.floor(number / NAMED)) % POINTS.length];
  let still = false; // while it draws for print

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (number) => css(number < 0 ? "--neutral" : `--c${number % NAMED}`);
  const narrow = () => window.matchMedia("(max-width: 560px)").matches;

  // --- Numbers on axes -------------------------------------------------------------------------

  const short = (value) => String(Number(value.toPrecision(3)));
  function prefixed(value, unit) {
    for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
      if (Math.abs(value) >= factor) return `${short(value / factor)} ${prefix}${unit}`;
    return `${short(value)} ${unit}`.trim();
  }
  function time(value) {
    if (value === 0) return "0";
    for (const [factor, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]])
      if (value >= factor * 0.9995) return `${short(value / factor)} ${unit}`;
    return `${short(value * 1e9)} ns`;
  }
  const FORMATS = {
    s: time,
    "×": (value) => `${short(value)}×`,
    share: (value) => `${short(value * 100)} %`,
    B: (value) => prefixed(value, "B"),
    "flop/s": (value) => prefixed(value, "flop/s"),
    "flop/B": (value) => short(value),
    "": (value) => short(value),
  };

  // Ticks of a logarithmic axis: round numbers, each with a label, three at least and not many.
  const LEAST_TICKS = 3, MOST_TICKS = 9;
  const MANTISSAS = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]];
  function roundTicks(low, high) {
    const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const step = Math.max(1, Math.ceil((last - first) / MOST_TICKS)); // decades, of a very long axis
    for (const mantissas of MANTISSAS) {
      const made = [];
      for (let power = first; power <= last; power += step)
        for (const mantissa of mantissas) made.push(Number(`${mantissa}e${power}`));
      const seen = made.filter((value) => value >= low && value <= high);
      if (seen.length >= LEAST_TICKS) return seen;
    }
    return evenTicks(low, high);
  }
  function evenTicks(low, high) { // less than a fifth between the ends
    const step = 10 ** Math.floor(Math.log10((high - low) / LEAST_TICKS));
    const size = [5, 2, 1].map((times) => times * step).find((one) => Math.floor(high / one) - Math.ceil(low / one) + 1 >= LEAST_TICKS) || step;
    const made = [];
    for (let n = Math.ceil(low / size); n <= Math.floor(high / size); n += 1) made.push(Number((n * size).toPrecision(6)));
    return made;
  }

  // Labels of our own that would overlap the one before are left out; their lines stay.
  const LABEL = 66; // pixels
  function labelled(axis, made) {
    const place = axis.log ? Math.log : (x) => x;
    const pixels = (made.width || 300) / (place(made.max) - place(made.min));
    let end = -Infinity;
    return axis.ticks.map(([value, label]) => {
      const room = (place(value) - end) * pixels >= (label.length > 5 ? LABEL : LABEL / 4);
      if (room) end = place(value);
      return { value, label: room ? label : "" };
    });
  }

  function scale(axis, horizontal) {
    const own = axis.ticks.length > 0;
    return {
      type: axis.log ? "logarithmic" : "linear",
      title: { display: axis.title !== "", text: axis.title, color: css("--soft"), font: { size: 13 } },
      grid: { color: css("--grid"), drawTicks: false },
      border: { color: css("--line") },
      grace: axis.log || horizontal || axis.unit === "share" ? 0 : "5%",
      beginAtZero: !axis.log && axis.unit !== "place",
      suggestedMax: axis.unit === "share" ? 1 : undefined, // how far it is from all
      ticks: {
        color: css("--soft"), padding: 6, autoSkip: !own, autoSkipPadding: 12,
        maxRotation: horizontal ? 50 : 0, font: { size: 12 },
        callback: own
          ? (value, number, ticks) => ticks[number].label
          : (value) => FORMATS[axis.unit](value),
      },
      afterBuildTicks: own || axis.log
        ? (made) => { made.ticks = own ? labelled(axis, made) : roundTicks(made.min, made.max).map((value) => ({ value })); }
        : undefined,
    };
  }

  // A little air at both ends, so that neither a point nor the end of a whisker lies on the frame.
  function widen(made, axis, points) {
    const values = points.concat(axis.ticks.map(([value]) => value)).filter((value) => value > 0 || !axis.log);
    if (!values.length) return made;
    const [low, high] = ends(values);
    if (axis.log) return { ...made, min: low / 1.25, max: high * 1.25 };
    if (axis.ticks.length) return { ...made, min: low - 0.3, max: high + 0.3 };
    return { ...made, suggestedMin: low, suggestedMax: Math.max(made.suggestedMax || 0, high) };
  }
  const ends = (values) => values.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);

  // Points at one place stand side by side, or one would hide the other. They move by pixels, for
  // which the width of the plot is known beforehand but for its labels.
  const BESIDE = 11, LABELS = 70, CROWDED = 0.6, SAME = 24; // pixels, pixels, of the way to the next place, pixels
  function aside(view, width) {
    const shown = view.curves.filter((one) => !one.bare);
    const to = view.x.log ? Math.log : (x) => x, from = view.x.log ? Math.exp : (x) => x;
    const places = [...new Set(shown.flatMap((one) => one.points.map((point) => point[0])))].map(to).sort((a, b) => a - b);
    if (shown.length < 2 || places.length === shown.flatMap((one) => one.points).length) return new Map();
    const every = view.curves.flatMap((one) => one.points.map((point) => point[0]));
    const [first, last] = ends(every.concat(view.x.ticks.map(([value]) => value)).map(to));
    const air = view.x.log ? 2 * Math.log(1.25) : 0.6;
    const pixel = (last - first + air) / Math.max(100, width - LABELS);
    const gaps = places.slice(1).map((place, number) => place - places[number]).filter((gap) => gap > SAME * pixel);
    const step = Math.min(BESIDE * pixel, (CROWDED * Math.min(...gaps, Infinity)) / shown.length);
    return new Map(shown.map((one, number) => {
      const moved = (number - (shown.length - 1) / 2) * step;
      return [one, (x) => from(to(x) + moved)];
    }));
  }

  // --- Whiskers --------------------------------------------------------------------------------

  const whiskers = {
    id: "whiskers",
    afterDatasetDraw(chart, { index, meta }) {
      const dataset = chart.data.datasets[index];
      if (!dataset.whiskers || meta.hidden) return;
      const { ctx, chartArea, scales } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
      ctx.clip();
      ctx.strokeStyle = dataset.borderColor;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      dataset.data.forEach((point, number) => {
        const x = meta.data[number].x;
        const [top, bottom] = [scales.y.getPixelForValue(point.high), scales.y.getPixelForValue(point.low)];
        if (!Number.isFinite(top) || !Number.isFinite(bottom) || bottom - top < 1) return;
        ctx.moveTo(x, top); ctx.lineTo(x, bottom);
        ctx.moveTo(x - 4, top); ctx.lineTo(x + 4, top);
        ctx.moveTo(x - 4, bottom); ctx.lineTo(x + 4, bottom);
      });
      ctx.stroke();
      ctx.restore();
    },
  };

  // --- Views -----------------------------------------------------------------------------------

  function curve(one, move = (x) => x) {
    const shade = colour(one.colour);
    return {
      type: "line", label: one.label, borderColor: shade, backgroundColor: shade, whiskers: !one.bare,
      data: one.points.map(([x, y, low, high, text]) => ({ x: move(x), y, low, high, text })),
      borderWidth: one.bare ? 1.5 : 2.5, borderDash: one.bare ? [2, 3] : one.dashed ? [7, 5] : [],
      showLine: !one.scattered, bare: one.bare, pointBorderWidth: 2,
      pointBackgroundColor: one.points.map((point, number) => (number < one.hollow ? css("--paper") : shade)),
      pointStyle: one.bare ? false : pointOf(one.colour),
      pointRadius: one.bare ? 0 : narrow() ? 4 : 5, pointHoverRadius: one.bare ? 0 : 8, pointHitRadius: one.bare ? 0 : 14,
    };
  }

  function curves(view, width) {
    const moves = aside(view, width);
    const datasets = view.curves.map((one) => curve(one, moves.get(one)));
    const all = datasets.flatMap((one) => one.data);
    const x = widen(scale(view.x, true), view.x, all.map((point) => point.x));
    const y = widen(scale(view.y, false), view.y, all.flatMap(({ y: middle, low, high }) => [middle, low, high]));
    return { type: "line", data: { datasets }, scales: { x, y } };
  }

  function bars(view) {
    const several = new Set(view.bars.map((one) => one.stack)).size > 1;
    return {
      type: "bar",
      data: {
        labels: view.categories,
        datasets: view.bars.map((one) => ({
          label: one.label, data: one.values, texts: one.texts, stack: one.stack,
          backgroundColor: colour(one.colour), borderColor: css("--paper"), borderWidth: { right: 1 },
          maxBarThickness: several ? 22 : 34, categoryPercentage: 0.75, barPercentage: 0.9,
        })),
      },
      indexAxis: "y",
      scales: {
        x: { ...scale(view.x, true), stacked: true, max: view.x.unit === "share" ? 1 : undefined },
        y: {
          stacked: true, grid: { display: false }, border: { color: css("--line") },
          ticks: { color: css("--text"), font: { size: 13 }, autoSkip: false, crossAlign: "far",
                   callback(value) { return wrapped(this.getLabelForValue(value)); } },
        },
      },
    };
  }

  // Long names of contenders, in lines.
  function wrapped(text) {
    const width = narrow() ? 13 : 26;
    const lines = [""];
    for (const word of text.split(" ")) {
      const last = lines.length - 1;
      if (lines[last] && (lines[last] + " " + word).length > width) lines.push(word);
      else lines[last] = lines[last] ? `${lines[last]} ${word}` : word;
    }
    return lines.map((line) => (line.length > width + 4 ? `${line.slice(0, width + 3)}…` : line)).slice(0, 4);
  }

  function said(item) {
    const { dataset, dataIndex } = item;
    return dataset.texts ? dataset.texts[dataIndex] : dataset.data[dataIndex].text;
  }

  // A tooltip does not wrap by itself.
  function folded(text) {
    const width = narrow() ? 38 : 70;
    return text.split(/(?<=[,;:(]) |; /).reduce((lines, part) => {
      const last = lines.length - 1;
      if (last >= 0 && (lines[last] + " " + part).length <= width) lines[last] += ` ${part}`;
      else lines.push(part);
      return lines;
    }, []);
  }

  function options(view, made) {
    const calm = still || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    return {
      responsive: true, maintainAspectRatio: false, animation: calm ? false : { duration: 250 },
      indexAxis: made.indexAxis || "x", scales: made.scales,
      interaction: { mode: "nearest", intersect: view.bars.length > 0 },
      plugins: {
        legend: { display: false },
        tooltip: {
          filter: (item) => Boolean(said(item)),
          backgroundColor: css("--text"), titleColor: css("--paper"), bodyColor: css("--paper"),
          padding: 10, cornerRadius: 4, usePointStyle: false, displayColors: true, boxPadding: 4,
          callbacks: {
            title: (items) => (items.length && view.bars.length ? items[0].label : ""),
            label: (item) => folded(said(item)),
          },
        },
      },
    };
  }

  // --- One figure of the page ------------------------------------------------------------------

  class Drawing {
    constructor(spec) {
      this.spec = spec;
      this.figure = document.getElementById(spec.name);
      this.canvas = this.figure.querySelector("canvas");
      this.hidden = new Set(); // labels: they stay hidden from view to view
      this.at = null; // what the keyboard is at: [dataset, point]
      this.current = spec.first;
      this.addViews();
      this.canvas.addEventListener("keydown", (event) => this.onKey(event));
      this.canvas.addEventListener("blur", () => this.leave());
      this.draw();
    }

    get view() { return this.spec.views[this.current]; }

    addViews() {
      const place = this.figure.querySelector(".views");
      if (this.spec.views.length < 2) return;
      if (this.spec.views.length > 6) return this.addChoice(place);
      this.spec.views.forEach((view, number) => {
        const button = element("button", view.name, place);
        button.type = "button";
        button.setAttribute("aria-pressed", number === this.current);
        button.addEventListener("click", () => {
          for (const other of place.children) other.setAttribute("aria-pressed", other === button);
          this.show(number);
        });
      });
    }

    addChoice(place) {
      const choice = element("select", "", place);
      choice.setAttribute("aria-label", "What to show");
      this.spec.views.forEach((view, number) => { element("option", view.name, choice).value = number; });
      choice.value = this.current;
      choice.addEventListener("change", () => this.show(Number(choice.value)));
    }

    show(number) { this.current = number; this.draw(); }

    draw() {
      if (this.chart) this.chart.destroy();
      const made = this.view.bars.length ? bars(this.view) : curves(this.view, this.canvas.parentElement.clientWidth);
      for (const dataset of made.data.datasets) dataset.hidden = this.hidden.has(dataset.label);
      this.canvas.parentElement.className = `canvas ${this.heightClass()}`;
      this.chart = new Chart(this.canvas, {
        type: made.type, data: made.data, options: options(this.view, made), plugins: [whiskers],
      });
      this.addLegend();
      this.leave();
    }

    heightClass() {
      const count = this.view.bars.length ? this.view.categories.length : 0;
      return count ? `rows${Math.min(count, 8)}` : "";
    }

    addLegend() {
      const place = this.figure.querySelector(".legend");
      place.replaceChildren();
      this.chart.data.datasets.forEach((dataset, number) => {
        const button = element("button", "", place);
        button.type = "button";
        button.append(key(dataset), dataset.label);
        button.setAttribute("aria-pressed", !this.hidden.has(dataset.label));
        button.addEventListener("click", () => this.toggle(button, dataset, number));
      });
    }

    toggle(button, dataset, number) {
      const shown = this.hidden.delete(dataset.label);
      if (!shown) this.hidden.add(dataset.label);
      button.setAttribute("aria-pressed", shown);
      this.chart.setDatasetVisibility(number, shown);
      this.chart.update();
    }

    // Left and right go along a line, up and down from one to the next.
    onKey(event) {
      const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (event.key === "Escape") return this.leave();
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      const open = this.chart.data.datasets
        .map((dataset, number) => number)
        .filter((number) => this.chart.isDatasetVisible(number) && !this.chart.data.datasets[number].bare);
      if (!open.length) return;
      const [row, column] = this.at || [0, -move[1]];
      const next = (row + move[0] + open.length) % open.length;
      const length = this.chart.data.datasets[open[next]].data.length;
      this.at = [next, Math.max(0, Math.min(length - 1, column + move[1]))];
      this.point(open[next], this.at[1]);
    }

    point(datasetIndex, index) {
      const element = this.chart.getDatasetMeta(datasetIndex).data[index];
      if (!element) return;
      const active = [{ datasetIndex, index }];
      this.chart.setActiveElements(active);
      this.chart.tooltip.setActiveElements(active, { x: element.x, y: element.y });
      this.chart.update("none");
      const dataset = this.chart.data.datasets[datasetIndex];
      const name = dataset.texts ? `${this.view.categories[index]}, ` : "";
      this.figure.querySelector(".reading").textContent = name + said({ dataset, dataIndex: index });
    }

    leave() {
      this.at = null;
      this.figure.querySelector(".reading").textContent = "";
      if (!this.chart) return;
      this.chart.setActiveElements([]);
      this.chart.tooltip.setActiveElements([], { x: 0, y: 0 });
      this.chart.update("none");
    }
  }

  function element(name, text, parent) {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  // What a legend shows before a name: the line with its point, or the bar's colour.
  function key(dataset) {
    const made = document.createElement("canvas");
    const ratio = window.devicePixelRatio || 1;
    [made.width, made.height] = [26 * ratio, 14 * ratio];
    made.className = "key";
    made.setAttribute("aria-hidden", "true");
    const ctx = made.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.strokeStyle = ctx.fillStyle = dataset.borderWidth.right ? dataset.backgroundColor : dataset.borderColor;
    if (dataset.texts) { ctx.fillRect(6, 1, 14, 12); return made; }
    ctx.lineWidth = 2;
    ctx.setLineDash(dataset.borderDash);
    if (dataset.showLine) { ctx.beginPath(); ctx.moveTo(0, 7); ctx.lineTo(26, 7); ctx.stroke(); }
    ctx.setLineDash([]);
    if (dataset.pointStyle) Chart.helpers.drawPoint(ctx, { pointStyle: dataset.pointStyle, radius: 4.5, borderWidth: 2 }, 13, 7);
    return made;
  }

  // --- Start, dark mode, print -----------------------------------------------------------------

  Chart.defaults.font.family = css("--sans") || "sans-serif";
  for (const spec of JSON.parse(document.getElementById("data").textContent)) charts.push(new Drawing(spec));
  const redraw = () => charts.forEach((drawing) => drawing.draw());
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.matchMedia("(max-width: 560px)").addEventListener("change", redraw);

  const folds = () => document.querySelectorAll("details");
  let opened = [];
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.add("printing");
    opened = [...folds()].filter((fold) => !fold.open);
    opened.forEach((fold) => { fold.open = true; });
    still = true;
    redraw();
    still = false;
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    opened.forEach((fold) => { fold.open = false; });
    redraw();
  });
})();
