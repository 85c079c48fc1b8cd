// Why a picture cannot be read.

/** Return a sentence for the visitor about a file that the browser does not decode. */
export async function whyNot(blob, error) {
  const bytes = new Uint8Array(await blob.slice(0, 16).arrayBuffer());
  const beginning = String.fromCharCode(...bytes);
  if (/^.{4}ftyp(hei|hev|mif1|msf1)/s.test(beginning)) {
    return (
      "This is a HEIC picture, which this browser cannot read (Safari can): save it as JPEG, or " +
      "have the phone take “most compatible” pictures."
    );
  }
  if (/^(\x89PNG|\xff\xd8\xff|RIFF|GIF8|BM)/.test(beginning)) {
    return (
      `The picture is damaged, or too large for this browser (${error.message}). ` +
      "Copy it again, or make it smaller."
    );
  }
  return "This file is not a picture that this browser can read. Use JPEG, PNG or WebP.";
}
