// The service worker: keeps the page, and isolates it so that it may use threads.
// What is kept is known by its content: a release fetches what changed and drops the rest.

importScripts("release.js");

const { files, id, policy, shell } = self.RELEASE;
const SCOPE = new URL("./", self.location).pathname;
const KEPT = `ort-deepdream ${SCOPE}`;
const INDEX = "index.html";
const RELEASE_FILE = "release.js";

const keyOf = (path) => `${SCOPE}${path}?${files[path]?.sha256 ?? id}`;

self.addEventListener("install", (event) => {
  event.waitUntil(Promise.all([...shell, RELEASE_FILE].map(find)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOld().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  const path = pathname.slice(SCOPE.length) || INDEX;
  if (path in files || path === RELEASE_FILE) event.respondWith(find(path).then(isolated));
});

/** Return a file as it was kept, or fetch and keep it. */
async function find(path) {
  const cache = await caches.open(KEPT);
  const kept = await cache.match(keyOf(path));
  if (kept) return kept;
  const fresh = await fetch(`${SCOPE}${path}`, { cache: "no-cache", ...integrity(path) });
  if (fresh.ok) await cache.put(keyOf(path), fresh.clone()).catch(() => {}); // no room: not kept
  return fresh;
}

/** Have the browser refuse a file of another release. */
function integrity(path) {
  if (!files[path]) return {};
  const bytes = files[path].sha256.match(/../g).map((byte) => parseInt(byte, 16));
  return { integrity: `sha256-${btoa(String.fromCharCode(...bytes))}` };
}

async function dropOld() {
  const cache = await caches.open(KEPT);
  const wanted = new Set([...Object.keys(files), RELEASE_FILE].map(keyOf));
  for (const { url } of await cache.keys()) {
    const { pathname, search } = new URL(url);
    if (!wanted.has(pathname + search)) await cache.delete(url);
  }
}

function isolated(response) {
  const headers = new Headers(response.headers);
  headers.delete("Content-Encoding"); // the content is not any more
  headers.delete("Content-Length");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Content-Security-Policy", policy);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
