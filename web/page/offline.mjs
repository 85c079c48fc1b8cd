// The page kept by its service worker, which also gives it threads.

const RELOADED = "ort-deepdream reloaded";
const PATIENCE = 5000; // milliseconds

/**
 * Register the service worker; return whether it answers for the page now. Headers that the
 * server does not send it adds to a page that is loaded once more, while it is `untouched()`.
 * `onUpdate` hears when a newer version takes over.
 */
export async function keepOffline(untouched, onUpdate) {
  const { serviceWorker } = navigator;
  if (!self.RELEASE.offline || !serviceWorker) return false;
  if (serviceWorker.controller) serviceWorker.addEventListener("controllerchange", onUpdate);
  try {
    // not even release.js, which it imports, may come from an older cache
    await serviceWorker.register("sw.js", { updateViaCache: "none" });
  } catch {
    return false; // some private windows refuse
  }
  if (!serviceWorker.controller) await takenOver(serviceWorker);
  if (serviceWorker.controller && !self.crossOriginIsolated && untouched()) await reloadOnce();
  return Boolean(serviceWorker.controller);
}

function takenOver(serviceWorker) {
  return new Promise((resolve) => {
    serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, PATIENCE); // it may never, such as after a reload with Shift
  });
}

async function reloadOnce() {
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
  await new Promise(() => {}); // the page is about to end
}
