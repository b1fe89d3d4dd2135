// Points and lines on a canvas: drag to move, wheel or buttons to zoom, hover for a name.

import { button, el } from "../dom.js";
import { Thumbnails } from "../list/thumbnails.js";
import { llr } from "../numbers.js";

/** Kinds of lines: colour and dash, so that neither is needed alone. */
export const KIND = {
  picture: { colour: "#d55e00", dash: [] },
  burst: { colour: "#0072b2", dash: [7, 5] },
  name: { colour: "#009e73", dash: [2, 4] },
  own: { colour: "#8a6d00", dash: [12, 4, 2, 4] },
};

const PICTURE_FROM_PX = 22;
const PADDING_PX = 40;
const ZOOM_STEP = 1.5;
const HOVER_PX = 26;

export class NetworkDrawing {
  #network;
  #thumbnails;
  #images = new Map();
  #hidden = new Set();
  #view = { scale: 1, x: 0, y: 0 };
  #hovered = null;
  #frame = 0;
  #canvas = el("canvas", { role: "img", tabindex: 0 });
  #tip = el("p", { class: "tip", "aria-live": "polite" });

  constructor(network, batchId, signal) {
    this.#network = network;
    this.#thumbnails = new Thumbnails(batchId, () => this.schedule(), signal);
    this.#canvas.setAttribute("aria-label", `Network of ${network.nodes.length} accounts; the table of groups below says the same`);
    this.node = el("div", { class: "drawing" }, this.#canvas, this.#tip, el("div", { class: "zoom" },
      button("+", () => this.#zoom(ZOOM_STEP), { "aria-label": "Zoom in" }),
      button("−", () => this.#zoom(1 / ZOOM_STEP), { "aria-label": "Zoom out" }),
      button("All", () => this.#fit(network.nodes))));
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(this.node);
    signal.addEventListener("abort", () => observer.disconnect());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.schedule(), { signal });
    this.#listen();
  }

  showKind(kind, visible) {
    if (visible) this.#hidden.delete(kind);
    else this.#hidden.add(kind);
    this.schedule();
  }

  showComponent(index) {
    this.#fit(this.#network.nodes.filter((node) => node.component === index));
    this.node.scrollIntoView({ block: "nearest" });
    this.#canvas.focus({ preventScroll: true });
  }

  schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.node;
    const ratio = window.devicePixelRatio || 1;
    const first = this.#canvas.dataset.sized !== "yes";
    Object.assign(this.#canvas, { width: width * ratio, height: height * ratio });
    this.#canvas.dataset.sized = "yes";
    if (first) this.#fit(this.#network.nodes);
    else this.schedule();
  }

  #fit(nodes) {
    const [xs, ys] = [nodes.map((node) => node.x), nodes.map((node) => node.y)];
    const [left, right, top, bottom] = [least(xs), most(xs), least(ys), most(ys)];
    const { clientWidth: width, clientHeight: height } = this.node;
    const scale = Math.min((width - 2 * PADDING_PX) / Math.max(right - left, 1), (height - 2 * PADDING_PX) / Math.max(bottom - top, 1), 120);
    this.#view = { scale, x: (width - scale * (left + right)) / 2, y: (height - scale * (top + bottom)) / 2 };
    this.schedule();
  }

  #zoom(factor, [x, y] = [this.node.clientWidth / 2, this.node.clientHeight / 2]) {
    const { scale, x: left, y: top } = this.#view;
    this.#view = { scale: scale * factor, x: x - factor * (x - left), y: y - factor * (y - top) };
    this.schedule();
  }

  #listen() {
    const canvas = this.#canvas;
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => { drag = null; });
    canvas.addEventListener("pointermove", (event) => {
      if (drag) {
        this.#move(event.clientX - drag[0], event.clientY - drag[1]);
        drag = [event.clientX, event.clientY];
      } else this.#hover(event.offsetX, event.offsetY);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.#zoom(Math.exp(-event.deltaY / 400), [event.offsetX, event.offsetY]);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const step = 60;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (moves[event.key]) this.#move(...moves[event.key]);
    else if (event.key === "+" || event.key === "-") this.#zoom(event.key === "+" ? ZOOM_STEP : 1 / ZOOM_STEP);
    else return;
    event.preventDefault();
  }

  #move(dx, dy) {
    this.#view.x += dx;
    this.#view.y += dy;
    this.schedule();
  }

  #hover(x, y) {
    const nearest = this.#nearest(x, y);
    if (nearest === this.#hovered) return;
    this.#hovered = nearest;
    const component = nearest && this.#network.components[nearest.component];
    this.#tip.textContent = nearest ? `${nearest.account}${nearest.llr === null ? "" : ` (llr ${llr(nearest.llr)})`}. ${component?.sentence ?? ""}` : "";
    this.schedule();
  }

  #nearest(x, y) {
    const { scale, x: left, y: top } = this.#view;
    let best = null;
    let least = HOVER_PX ** 2;
    for (const node of this.#network.nodes) {
      const distance = (scale * node.x + left - x) ** 2 + (scale * node.y + top - y) ** 2;
      if (distance < least) [best, least] = [node, distance];
    }
    return best;
  }

  #draw() {
    const context = this.#canvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#drawEdges(context);
    this.#drawNodes(context);
  }

  #drawEdges(context) {
    const { scale, x, y } = this.#view;
    const { nodes, edges } = this.#network;
    context.lineWidth = 1.5;
    for (const [kind, { colour, dash }] of Object.entries(KIND)) {
      if (this.#hidden.has(kind)) continue;
      context.strokeStyle = colour;
      context.setLineDash(dash);
      context.beginPath();
      for (const edge of edges) {
        if (edge.kind !== kind) continue;
        const [from, to] = [nodes[edge.source], nodes[edge.target]];
        context.moveTo(scale * from.x + x, scale * from.y + y);
        context.lineTo(scale * to.x + x, scale * to.y + y);
      }
      context.stroke();
    }
    context.setLineDash([]);
  }

  #drawNodes(context) {
    const side = Math.max(3, Math.min(64, 0.62 * this.#view.scale));
    const wanted = [];
    const style = getComputedStyle(this.node);
    for (const node of this.#network.nodes) {
      const [x, y] = [this.#view.scale * node.x + this.#view.x, this.#view.scale * node.y + this.#view.y];
      if (x < -side || y < -side || x > this.node.clientWidth + side || y > this.node.clientHeight + side) continue;
      const image = side >= PICTURE_FROM_PX ? this.#image(node, wanted) : null;
      drawNode(context, node, [x, y, side], image, style, node === this.#hovered);
    }
    this.#thumbnails.want(wanted);
  }

  #image(node, wanted) {
    const known = this.#images.get(node.seq);
    if (known) return known.complete && known.naturalWidth ? known : null;
    const source = this.#thumbnails.get(node.seq);
    if (!source) wanted.push(node.seq);
    else this.#images.set(node.seq, el("img", { src: source, on: { load: () => this.schedule() } }));
    return null;
  }
}

const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);

function drawNode(context, node, [x, y, side], image, style, hovered) {
  const half = side / 2;
  context.fillStyle = style.getPropertyValue(node.flagged ? "--likely" : "--not-scored");
  if (image) context.drawImage(image, x - half, y - half, side, side);
  else context.fillRect(x - half, y - half, side, side);
  if (!image && !hovered) return;
  context.lineWidth = hovered ? 4 : node.flagged ? 2.5 : 1;
  context.strokeStyle = hovered ? style.getPropertyValue("--action") : context.fillStyle;
  context.strokeRect(x - half, y - half, side, side);
}
