// What is stored in a dream, in the words of cli/record.py.

const PREFIX = "deepdream.";
const PLAIN = /^[\w@%+=:,./-]+$/;

/** Return a dream's metadata; `deepdream.command` makes it again. */
export function record(release, { source, origin, layers, info, sha256, settings, threads }) {
  const values = {
    command: command(release, { source, origin, settings }),
    source,
    architecture: info.architecture,
    layers: `[${layers.map((one) => JSON.stringify(one)).join(", ")}]`,
    weights: info.weights,
    weights_sha256: info.weightsSha256,
    ...(sha256 && { gradient_file_sha256: sha256 }), // of a file as it is
    target: info.target,
    backend: "wasm",
    provider_options: "{}",
    placement: "{}",
    precision: info.precision,
    threads: String(threads),
    onnxruntime: `web ${release.runtime.version}`,
    ...written(release, settings),
  };
  const text = { Software: `ort-deepdream ${release.version}` };
  for (const [key, value] of Object.entries(values)) text[PREFIX + key] = value;
  return text;
}

/** Return the command line that makes the dream again. */
function command(release, { source, origin, settings }) {
  const words = ["dream", "run", source, ...origin, "--backend", "cpu"];
  for (const [name, value] of Object.entries(written(release, settings))) {
    words.push(`--${name.replaceAll("_", "-")}=${value}`);
  }
  return words.map(quoted).join(" ");
}

/** Return each setting as Python writes it. */
function written(release, settings) {
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
