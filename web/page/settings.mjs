// The form's settings, by the defaults and limits that the release brings along.

/** Fill in the layers, and each setting's default, limits and words. */
export function fillForm(form) {
  const { defaultLayer, layers, settings } = self.RELEASE;
  const groups = new Map();
  for (const { name, group } of layers) {
    if (!groups.has(group)) {
      const made = document.createElement("optgroup");
      made.label = group;
      form.layer.append(made);
      groups.set(group, made);
    }
    groups.get(group).append(new Option(name, name));
  }
  form.layer.value = defaultLayer;
  form.layer.addEventListener("change", () => limitChannel(form));
  limitChannel(form);
  for (const setting of settings) fill(form[setting.name], setting);
  draw(form);
}

function limitChannel({ channel, layer }) {
  channel.max = self.RELEASE.layers[layer.selectedIndex].channels - 1;
}

function fill(input, { integer, least, most, above, default: value, help }) {
  if (input.type === "number") {
    input.required = true;
    input.inputMode = integer ? "numeric" : "decimal";
    input.step = integer ? "1" : "any";
    if (least !== undefined || above !== undefined) input.min = least ?? above + 0.01;
    if (most !== undefined) input.max = most;
  }
  if (value !== null) input.value = value;
  const hint = document.createElement("small");
  hint.textContent = help;
  input.after(hint);
}

/** Put another seed into the form. */
export function draw(form) {
  form.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];
}

/** Return the channel to dream of, null for all. */
export function readChannel({ channel }) {
  return channel.value === "" ? null : Number(channel.value);
}

/** Return the settings; the browser has held them to their limits. */
export function readForm(form) {
  const settings = self.RELEASE.settings.map(({ name }) => [name, Number(form[name].value)]);
  return { ...Object.fromEntries(settings), seed: BigInt(form.seed.value) };
}
