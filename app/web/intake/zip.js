// Files → one zip, stored and not packed: pictures are packed already.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});
const UTF8 = 0x0800;
const VERSION = 20;
const DATE = 0x21; // 1980-01-01: when a picture was saved is nobody's business
export const MAX_FILES = 65_000;

/** `entries`: [name, File] each. `onFile(n)` is told how many are in. The bytes stay in the files. */
export async function zipFiles(entries, onFile = () => {}) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, file] of entries) {
    const entry = await describe(name, file, offset);
    const header = localHeader(entry);
    parts.push(header, file);
    directory.push(centralHeader(entry));
    offset += header.length + file.size;
    onFile(directory.length);
  }
  return new Blob([...parts, ...directory, endRecord(directory, offset)], { type: "application/zip" });
}

async function describe(name, file, offset) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { name: new TextEncoder().encode(name), crc: crc32(bytes), size: bytes.length, offset };
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let n = 0; n < bytes.length; n += 1) crc = CRC_TABLE[(crc ^ bytes[n]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Numbers as zip writes them: [bytes, value] each, little-endian. */
function record(fields, tail) {
  const length = fields.reduce((sum, [size]) => sum + size, 0);
  const view = new DataView(new ArrayBuffer(length));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  const bytes = new Uint8Array(length + tail.length);
  bytes.set(new Uint8Array(view.buffer));
  bytes.set(tail, length);
  return bytes;
}

function shared({ crc, size, name }) {
  return [[2, UTF8], [2, 0], [2, 0], [2, DATE], [4, crc], [4, size], [4, size], [2, name.length], [2, 0]];
}

function localHeader(entry) {
  return record([[4, 0x04034b50], [2, VERSION], ...shared(entry)], entry.name);
}

function centralHeader(entry) {
  const rest = [[2, 0], [2, 0], [2, 0], [4, 0], [4, entry.offset]];
  return record([[4, 0x02014b50], [2, VERSION], [2, VERSION], ...shared(entry), ...rest], entry.name);
}

function endRecord(directory, offset) {
  const size = directory.reduce((sum, entry) => sum + entry.length, 0);
  const n = directory.length;
  return record([[4, 0x06054b50], [2, 0], [2, 0], [2, n], [2, n], [4, size], [4, offset], [2, 0]], new Uint8Array());
}
