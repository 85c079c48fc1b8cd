// The picture: the dream, and the photograph over it up to a line.

const WHOLE = 100; // percent

export class View {
  constructor() {
    const element = (id) => document.getElementById(id);
    this.figure = element("view");
    this.frame = element("frame");
    this.split = element("split");
    this.caption = element("caption");
    this.dream = element("dream").getContext("2d");
    this.photo = element("photo").getContext("2d");
    this.split.addEventListener("input", () => this.drawLine());
    this.frame.addEventListener("pointerdown", (event) => this.follow(event));
    this.frame.addEventListener("pointermove", (event) => event.buttons && this.follow(event));
  }

  /** Show a photograph, and nothing dreamt yet. */
  showPhoto(picture, name) {
    const { height, width } = picture;
    this.figure.hidden = false;
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.frame.style.maxWidth = `min(100%, ${(75 * width) / height}vh, ${4 * width}px)`;
    paint(this.photo, picture);
    paint(this.dream, picture);
    this.caption.textContent = name;
    this.photo.canvas.setAttribute("aria-label", `The photograph ${name}`);
    this.dream.canvas.setAttribute("aria-label", `${name}, not dreamt on yet`);
    this.split.value = WHOLE;
    this.drawLine();
  }

  /** Show the dream as it is now, at whatever size. */
  showDream(picture) {
    paint(this.dream, picture);
    this.dream.canvas.setAttribute("aria-label", `The dream of ${this.caption.textContent}`);
  }

  follow({ clientX }) {
    const { left, width } = this.frame.getBoundingClientRect();
    this.split.value = ((clientX - left) / width) * WHOLE;
    this.drawLine();
  }

  drawLine() {
    this.frame.style.setProperty("--split", `${this.split.value}%`);
    this.split.ariaValueText = `${this.split.value} percent dream, the rest photograph`;
  }
}

/** Paint a picture in its own size. */
function paint(context, { rgba, height, width }) {
  Object.assign(context.canvas, { height, width });
  context.putImageData(new ImageData(rgba, width, height), 0, 0);
}
