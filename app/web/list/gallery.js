// Thousands of tiles of which only the visible ones exist; the window scrolls.

import { el, setCss } from "../dom.js";
import { select } from "./store.js";
import { Thumbnails } from "./thumbnails.js";
import { fillTile, makeTile, showThumbnail } from "./tile.js";

const TILE_PX = [98, 176];
const TILES_ACROSS = 18;
const CAPTION_PX = 26;
const GAP_PX = 6;
const ROWS_AROUND = 2;

export class Gallery {
  #store;
  #used = new Map();
  #free = [];
  #canvas = el("div", { class: "canvas", role: "presentation" });
  #grid = { columns: 1, width: TILE_PX[0], height: TILE_PX[0] + CAPTION_PX };
  #width = 0;
  #frame = 0;
  #active = "";

  /** `onOpen()` when a tile is clicked or Enter is pressed. */
  constructor(store, onOpen, signal) {
    this.#store = store;
    this.thumbnails = new Thumbnails(store.batchId, (seqs) => this.#loaded(seqs), signal);
    this.node = el("div", {
      class: "gallery", role: "listbox", tabindex: 0, "aria-label": "Pictures, strongest evidence first",
      on: { click: (event) => this.#click(event, onOpen) },
    }, this.#canvas);
    window.addEventListener("scroll", () => this.#schedule(), { signal, passive: true });
    const observer = new ResizeObserver(() => this.node.clientWidth !== this.#width && this.layout());
    observer.observe(this.node);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  get columns() {
    return this.#grid.columns;
  }

  /** After the number of items, or the width, has changed. */
  layout() {
    const width = this.node.clientWidth;
    if (!width) return;
    this.#width = width;
    const least = Math.max(TILE_PX[0], Math.min(TILE_PX[1], width / TILES_ACROSS));
    const columns = Math.max(1, Math.floor((width + GAP_PX) / (least + GAP_PX)));
    const side = Math.floor((width - GAP_PX * (columns - 1)) / columns); // in whole pixels
    this.#grid = { columns, width: side + GAP_PX, height: side + CAPTION_PX + GAP_PX };
    const rows = Math.ceil(this.#store.visible.length / columns);
    setCss(this.#canvas, { height: `${rows * this.#grid.height}px`, "--side": `${side}px` });
    this.node.classList.toggle("none", !rows && this.#store.tiles.length > 0);
    // All tiles anew: other items may stand at their places.
    this.#used.forEach((tile) => this.#free.push(tile));
    this.#used.clear();
    this.#render();
  }

  /** The same items in the same places, of which something else is to be shown. */
  update() {
    for (const [index, tile] of this.#used) this.#fill(tile, index);
    this.#pointToSelected();
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #loaded(seqs) {
    const come = new Set(seqs);
    for (const tile of this.#used.values()) {
      if (come.has(tile.seq)) showThumbnail(tile, this.thumbnails.get(tile.seq));
    }
    this.#schedule();
  }

  /** Scroll so that the selected tile is seen between `top` and `bottom` of the window. */
  reveal(top, bottom) {
    const row = Math.floor(this.#store.selected / this.columns);
    const begin = this.node.getBoundingClientRect().top + row * this.#grid.height;
    const end = begin + this.#grid.height;
    if (begin < top) window.scrollBy(0, begin - top);
    else if (end > bottom) window.scrollBy(0, end - bottom + GAP_PX);
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
      if (!error && !this.thumbnails.get(seq)) missing.push(seq);
    }
    for (const tile of this.#free) if (!tile.node.hidden) tile.node.hidden = true;
    this.thumbnails.want(missing);
    this.#pointToSelected();
  }

  #place(index) {
    const tile = this.#free.shift() ?? this.#create();
    const { columns, width, height } = this.#grid;
    setCss(tile.node, { left: `${(index % columns) * width}px`, top: `${Math.floor(index / columns) * height}px` });
    if (tile.node.hidden) tile.node.hidden = false;
    this.#used.set(index, tile);
    this.#fill(tile, index);
  }

  #fill(tile, index) {
    const item = this.#store.visible[index];
    fillTile(tile, item, this.#store, index, this.thumbnails.get(item.seq));
  }

  #create() {
    const tile = makeTile();
    this.#canvas.append(tile.node);
    return tile;
  }

  #pointToSelected() {
    const id = this.#used.get(this.#store.selected)?.node.id ?? "";
    if (id === this.#active) return;
    this.#active = id;
    this.node.setAttribute("aria-activedescendant", id);
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
