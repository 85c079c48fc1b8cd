// The result file of a bench, as `dream bench` writes it: docs/result-file.md.

import { whyUnstable } from "./statistics.mjs";

const VERSION = "1.2"; // of the schema
const PROVIDERS = { wasm: "CPUExecutionProvider", webgpu: "WebGpuExecutionProvider" };

/** Return a result of what was timed; `most` is the largest error of a gradient that is right. */
export function resultOf(timed, settings, { size, most, photo }) {
  const { backends, defaultLayer, files, info, layers, runtime, version } = self.RELEASE;
  const layer = layers.find(({ name }) => name === defaultLayer);
  const targets = Object.entries(backends).map(([name, { target }]) => [
    target,
    files[layer[name].graph].sha256,
  ]);
  const there = timed.filter(({ missing }) => !missing);
  const gpu = there.find(({ adapter }) => adapter && !adapter.fallback)?.adapter.name;
  const browser = browserName();
  const program = browser.startsWith("Firefox") ? "firefox" : "chromium";
  return {
    schema: "ort-deepdream/bench",
    version: VERSION,
    created: new Date().toISOString().replace(/\.\d+Z$/, "+00:00"),
    command: [
      ...["dream", "bench", photo.name, "--weights=builtin", `--layer=${defaultLayer}`],
      ...[`--browser=${program}`, `--size=${size.width}x${size.height}`],
    ],
    complete: true,
    machine: {
      processor: `a processor without a name (${systemName()})`,
      cores: navigator.hardwareConcurrency ?? 1,
      memory: (navigator.deviceMemory ?? 0) * 2 ** 30, // 0 is not told
      system: systemName(),
      python: "none",
      packages: { "onnxruntime-web": runtime },
      project: version,
      commit: null,
      environment: {},
      gpu: gpu || null,
      gpu_memory: null,
      gpu_driver: null,
      gpu_power_limit: null,
      cuda: null,
      cudnn: null,
    },
    model: {
      architecture: info.architecture,
      layers: [defaultLayer],
      weights: info.weights,
      weights_sha256: info.weightsSha256,
      files: Object.fromEntries(targets),
    },
    photo: { ...photo, sha256: files[photo.name].sha256 },
    settings: { ...settings, seed: Number(settings.seed) },
    contenders: timed.map((one) => described(one, browser)),
    series: there.flatMap(({ name, samples, first, dreams, dreamt }) => [
      series(name, size, "step", first, samples),
      series(name, size, "warm", [sum(dreamt)], dreams.map(sum), dreams),
    ]),
    skipped: [],
    checks: there
      .filter(({ error }) => error !== undefined)
      .map(({ name, error }) => ({
        contender: name,
        reference: timed[0].name,
        size,
        equal: null,
        psnr: null,
        gradient_error: Number.isFinite(error) ? error : null,
        limit: `gradient error at most ${most}`,
        passed: error <= most,
      })),
    operators: [],
    limits: [],
    work: [],
    images: [],
    warnings: ["measured in a page: what else the machine did meanwhile is not known"],
  };
}

/** Add up the seconds of a dream's parts. */
export function sum(parts) {
  return Object.values(parts).reduce((total, seconds) => total + seconds, 0);
}

function series(contender, size, kind, first, seconds, parts = []) {
  return {
    contender,
    size,
    kind,
    first: first.map((one) => Math.max(one, 1e-6)),
    samples: seconds.map((one, n) => ({
      seconds: one,
      parts: parts[n] ?? {},
      peak_memory: null,
      device_memory: null,
      load: null,
    })),
    stable: !whyUnstable(seconds),
    note: whyUnstable(seconds),
  };
}

function described({ name, backend, threads, opened, adapter, missing }, browser) {
  const { info, runtime } = self.RELEASE;
  const software = adapter?.fallback ? `${adapter.name || "an adapter"} (software)` : null;
  return {
    name,
    library: "ONNX Runtime Web",
    backend: backend === "webgpu" ? name : backend,
    provider: PROVIDERS[backend],
    device: software ?? (adapter?.name || null),
    threads,
    options: { "onnxruntime-web": runtime },
    precision: info.precision,
    target: self.RELEASE.backends[backend].target,
    placement: {},
    cpu_nodes_allowed: false,
    missing: missing ?? null,
    browser,
    isolated: opened?.isolated ?? self.crossOriginIsolated,
  };
}

const BROWSERS = [
  ["Edge", /Edg\w*\/([\d.]+)/],
  ["Firefox", /(?:Firefox|FxiOS)\/([\d.]+)/],
  ["Chromium", /(?:Chrom\w+|CriOS)\/([\d.]+)/],
  ["Safari", /Version\/([\d.]+)/],
];

function browserName() {
  for (const [name, pattern] of BROWSERS) {
    const found = navigator.userAgent.match(pattern);
    if (found) return `${name} ${found[1]}`;
  }
  return "a browser without a name";
}

function systemName() {
  return navigator.userAgentData?.platform || navigator.platform || "a system without a name";
}
