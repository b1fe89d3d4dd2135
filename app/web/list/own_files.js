// Pictures that were dropped in this tab, so that a list's items can be shown large; memory only.

const filesByBatch = new Map();

export function rememberFiles(batchId, files) {
  if (files.size) filesByBatch.set(batchId, files);
}

/** The file that item `source` of the batch came from, if it was dropped in this tab. */
export function ownFile(batchId, source) {
  return filesByBatch.get(batchId)?.get(source) ?? null;
}

/** The largest picture of an item that this tab has, as an image's URL; "" if it has none yet. */
export function largestPicture(batchId, item, thumbnails) {
  const file = ownFile(batchId, item.source);
  return file ? URL.createObjectURL(file) : (thumbnails.get(item.seq) ?? "");
}
