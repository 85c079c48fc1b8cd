// What is stored in a dream, in the words of cli/record.py.

const PREFIX = "deepdream.";
const PLAIN = /^[\w@%+=:,./-]+$/;

/** Return a dream's metadata; `deepdream.command` makes it again. */
export function record(
  release,
  { backend, guide, guides, info, layers, origin, settings, sha256, source, threads },
) {
  const values = {
    command: command(release, { guide, origin, settings, source }),
    source,
    ...(guide && {
      guide: guide.name,
      ...(guide.sha256 && { guide_sha256: guide.sha256 }),
      guide_layers: list(guides.map(({ layer }) => layer)),
    }),
    architecture: info.architecture,
    layers: list(layers),
    weights: info.weights,
    weights_sha256: info.weightsSha256,
    ...(sha256 && { gradient_file_sha256: sha256 }), // of a file as it is
    target: info.target,
    backend,
    provider_options: "{}",
    placement: "{}",
    precision: info.precision,
    threads: String(threads),
    onnxruntime: `web ${release.runtime}`,
    ...settingsOf(release, settings),
  };
  const text = { Software: `ort-deepdream ${release.version}` };
  for (const [key, value] of Object.entries(values)) text[PREFIX + key] = value;
  return text;
}

/** Return the command line that makes the dream again. */
function command(release, { guide, origin, settings, source }) {
  const led = guide ? [`--guide=${guide.name}`] : [];
  const from = guide ? origin.map((word) => word.replace(/^--layer/, "--guide-layer")) : origin;
  const words = ["dream", "run", source, ...led, ...from, "--backend", "cpu"];
  for (const [name, value] of Object.entries(settingsOf(release, settings))) {
    words.push(`--${name.replaceAll("_", "-")}=${value}`);
  }
  return words.map(quoted).join(" ");
}

/** Write a list as Python's json does. */
function list(texts) {
  return `[${texts.map((one) => JSON.stringify(one)).join(", ")}]`;
}

/** Return each setting as Python writes it. */
function settingsOf(release, settings) {
  return Object.fromEntries(
    release.settings.map(({ name, integer }) => {
      const value = settings[name];
      return [name, integer || value % 1 ? String(value) : value.toFixed(1)];
    }),
  );
}

/** Quote a word for a shell. */
function quoted(word) {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
