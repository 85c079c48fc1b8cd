// WebGPU, an experiment: all of a step is there, or none of it, and its adapter is named.

import { PageError } from "../errors.mjs";

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Throw a PageError where there is no WebGPU. */
export async function requireWebGpu() {
  if (await navigator.gpu?.requestAdapter()) return;
  throw new PageError(
    "This browser has no WebGPU, or nothing to run it on. Choose WebAssembly under More settings.",
  );
}

/** Return a session's options for pictures of one size: open sizes would go to the CPU. */
export function optionsFor(height, width) {
  return {
    freeDimensionOverrides: { height, width },
    extra: { session: { disable_cpu_ep_fallback: "1" } }, // rather no dream than one of both
  };
}

/** Return what a session runs on: { name, fallback }, a fallback being the processor. */
export async function adapterOf(ort) {
  return described((await ort.env.webgpu.device).adapterInfo);
}

/** Return what a session would run on, without one; undefined where there is no WebGPU. */
export async function adapterHere() {
  const info = (await navigator.gpu?.requestAdapter())?.info;
  return info && described(info);
}

function described(info) {
  const parts = [info.vendor, info.architecture, info.device, info.description];
  const name = [...new Set(parts.filter(Boolean))].join(" ");
  return { name, fallback: Boolean(info.isFallbackAdapter) || SOFTWARE.test(name) };
}
