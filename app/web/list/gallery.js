// Thousands of tiles of which only the visible ones exist; the window scrolls.

import { el, setCss } from "../dom.js";
import { select } from "./store.js";
import { fillTile, makeTile, showThumbnail } from "./tile.js";

const TILE_PX = [98, 176];
const TILES_ACROSS = 18;
const CAPTION_PX = 26;
const GAP_PX = 6;
const ROWS_AROUND = 2;

export class Gallery {
  #store;
  #thumbnails;
  #used = new Map();
  #free = [];
  #canvas = el("div", { class: "canvas", role: "presentation" });
  #grid = { columns: 1, width: TILE_PX[0], height: TILE_PX[0] + CAPTION_PX };
  #frame = 0;

  /** `onOpen()` when a tile is clicked or Enter is pressed. */
  constructor(store, onOpen, signal) {
    this.#store = store;
    this.node = el("div", {
      class: "gallery", role: "listbox", tabindex: 0, "aria-label": "Pictures, strongest evidence first",
      on: { click: (event) => this.#click(event, onOpen) },
    }, this.#canvas);
    const again = () => this.schedule();
    window.addEventListener("scroll", again, { signal, passive: true });
    const observer = new ResizeObserver(() => this.layout());
    observer.observe(this.node);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** Where thumbnails come from; it tells this gallery what has come. */
  use(thumbnails) {
    this.#thumbnails = thumbnails;
  }

  get columns() {
    return this.#grid.columns;
  }

  /** After the number of items, or the width, has changed. */
  layout() {
    const width = this.node.clientWidth;
    if (!width) return;
    const least = Math.max(TILE_PX[0], Math.min(TILE_PX[1], width / TILES_ACROSS));
    const columns = Math.max(1, Math.floor((width + GAP_PX) / (least + GAP_PX)));
    const side = (width - GAP_PX * (columns - 1)) / columns;
    this.#grid = { columns, width: side + GAP_PX, height: side + CAPTION_PX + GAP_PX };
    const rows = Math.ceil(this.#store.visible.length / columns);
    setCss(this.#canvas, { height: `${rows * this.#grid.height}px`, "--side": `${side}px` });
    this.refresh();
  }

  refresh() {
    this.#used.forEach((tile) => this.#free.push(tile));
    this.#used.clear();
    this.#render();
  }

  schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  loaded(seqs) {
    const come = new Set(seqs);
    for (const tile of this.#used.values()) {
      if (come.has(tile.seq)) showThumbnail(tile, this.#thumbnails.get(tile.seq));
    }
    this.schedule();
  }

  /** Scroll so that the selected tile is seen, clear of what sticks to the top of the window. */
  reveal(top) {
    const row = Math.floor(this.#store.selected / this.columns);
    const begin = this.node.getBoundingClientRect().top + row * this.#grid.height;
    const end = begin + this.#grid.height;
    if (begin < top) window.scrollBy(0, begin - top);
    else if (end > window.innerHeight) window.scrollBy(0, end - window.innerHeight + GAP_PX);
  }

  #range() {
    const above = -this.node.getBoundingClientRect().top;
    const first = Math.floor(above / this.#grid.height) - ROWS_AROUND;
    const last = Math.ceil((above + window.innerHeight) / this.#grid.height) + ROWS_AROUND;
    const { columns } = this.#grid;
    return [Math.max(0, first * columns), Math.min(this.#store.visible.length, last * columns)];
  }

  #render() {
    const [begin, end] = this.#range();
    for (const [index, tile] of this.#used) {
      if (index < begin || index >= end) {
        this.#used.delete(index);
        this.#free.push(tile);
      }
    }
    const missing = [];
    for (let index = begin; index < end; index += 1) {
      if (!this.#used.has(index)) this.#place(index);
      const { seq, error } = this.#store.visible[index];
      if (!error && !this.#thumbnails?.get(seq)) missing.push(seq);
    }
    this.#free.forEach((tile) => { tile.node.hidden = true; });
    this.#thumbnails?.want(missing);
    this.#pointToSelected();
  }

  #place(index) {
    const tile = this.#free.pop() ?? this.#create();
    const item = this.#store.visible[index];
    fillTile(tile, item, this.#store, index, this.#thumbnails?.get(item.seq));
    const { columns, width, height } = this.#grid;
    setCss(tile.node, { transform: `translate(${(index % columns) * width}px, ${Math.floor(index / columns) * height}px)` });
    tile.node.hidden = false;
    this.#used.set(index, tile);
  }

  #create() {
    const tile = makeTile();
    this.#canvas.append(tile.node);
    return tile;
  }

  #pointToSelected() {
    const tile = this.#used.get(this.#store.selected);
    if (tile) this.node.setAttribute("aria-activedescendant", tile.node.id);
    else this.node.removeAttribute("aria-activedescendant");
  }

  #click(event, onOpen) {
    const node = event.target.closest(".tile");
    if (!node) return;
    const index = [...this.#used].find(([, tile]) => tile.node === node)?.[0];
    if (index === undefined) return;
    select(this.#store, index);
    onOpen();
  }
}
