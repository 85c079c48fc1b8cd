// What is stored in a dream, so that it can be made again: the same words as cli/record.py.

const PREFIX = "deepdream.";
const PLAIN = /^[\w@%+=:,./-]+$/;

/** Return a dream's metadata; `deepdream.command` makes it again. */
export function record(release, { source, layer, info, settings, threads }) {
  const { graph } = release.layers.find(({ name }) => name === layer);
  const values = {
    command: command(release, { source, layer, settings }),
    source,
    architecture: info.architecture,
    layers: JSON.stringify([layer]),
    weights: info.weights,
    weights_sha256: info.weightsSha256,
    gradient_file_sha256: release.files[graph].sha256,
    target: info.target,
    backend: "wasm",
    provider_options: "{}",
    placement: "{}",
    precision: info.precision,
    threads: String(threads),
    ...written(release, settings),
    onnxruntime: `web ${release.runtime.version}`,
  };
  const prefixed = Object.entries(values).map(([key, value]) => [PREFIX + key, value]);
  return { Software: `ort-deepdream ${release.version}`, ...Object.fromEntries(prefixed) };
}

/** Return the command line that makes the dream again, where this project is installed. */
export function command(release, { source, layer, settings }) {
  const words = ["dream", "run", source, "--weights", "builtin", `--layer=${layer}`];
  words.push("--backend", "cpu");
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
