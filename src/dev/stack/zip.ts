/** Takes one file out of a zip archive; Node has the inflating, the container is read here. */
import { inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
/** The end record is 22 bytes and a comment of up to 65,535. */
const END_RECORD_BYTES = 22;
const LONGEST_COMMENT_BYTES = 0xffff;

/**
 * The content of the first entry whose name ends with `suffix`. Archives beyond 4 GiB (zip64) are
 * not understood.
 *
 * @throws an Error when the archive is broken or has no such entry
 */
export function unzipEntry(archive: Buffer, suffix: string): Buffer {
  let at = archive.readUInt32LE(endRecord(archive) + 16);
  while (archive.readUInt32LE(at) === DIRECTORY_ENTRY) {
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (name.endsWith(suffix)) return entryAt(archive, at, name);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`The archive has no file that ends with ${suffix}.`);
}

function endRecord(archive: Buffer): number {
  const last = archive.length - END_RECORD_BYTES;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT_BYTES); at -= 1) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) return at;
  }
  throw new Error('This is no zip archive, or its end is missing.');
}

function entryAt(archive: Buffer, entry: number, name: string): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const size = archive.readUInt32LE(entry + 20);
  const header = archive.readUInt32LE(entry + 42);
  // The local header repeats name and extra field, with lengths of its own.
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + size);
  if (method === STORED) return packed;
  if (method === DEFLATED) return inflateRawSync(packed);
  throw new Error(`${name} is packed by method ${method}, which is not supported.`);
}
