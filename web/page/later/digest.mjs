/** Return the SHA-256 of bytes in hexadecimal; undefined where the page came by plain http. */
export async function sha256Of(bytes) {
  if (!crypto.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
