/** QPACK, the header compression of HTTP/3, without a dynamic table. */
import {
  type Cursor,
  HeaderCodingError,
  readInteger,
  readString,
  writeText,
} from "./header_coding.ts";
import { QPACK_STATIC_TABLE } from "./qpack_tables.ts";

/**
 * Encodes a field section as literals with literal names and without Huffman (RFC 9204 section
 * 4.5.6): any bytes can be sent, and the peer needs no table for it. Text is taken as Latin-1.
 */
export function encodeFields(fields: readonly (readonly [string, string])[]): Uint8Array {
  // Required Insert Count 0, Base 0: nothing of a dynamic table is used (section 4.5.1).
  const out = [0, 0];
  for (const [name, value] of fields) {
    writeText(out, name, 3, 0x20);
    writeText(out, value);
  }
  return Uint8Array.from(out);
}

/**
 * Decodes a field section of a peer that was given no dynamic table (SETTINGS_QPACK_MAX_TABLE_CAPACITY
 * 0, the default): only the static table and literals can come, so that each section stands for
 * itself.
 *
 * @throws {HeaderCodingError} when it is not well-formed, or names an entry of a dynamic table
 */
export function decodeFields(section: Uint8Array): [string, string][] {
  const cursor: Cursor = { bytes: section, at: 0 };
  const inserts = readInteger(cursor, 8);
  if (inserts !== 0) {
    throw new HeaderCodingError(`${inserts} inserts required of a dynamic table that there is not`);
  }
  readInteger(cursor, 7);
  const fields: [string, string][] = [];
  while (cursor.at < section.length) {
    const first = section[cursor.at] ?? 0;
    if (first & 0x80) {
      if (!(first & 0x40)) throw dynamic();
      const [name, value] = entry(readInteger(cursor, 6));
      fields.push([name, value]);
    } else if (first & 0x40) {
      if (!(first & 0x10)) throw dynamic();
      const [name] = entry(readInteger(cursor, 4));
      fields.push([name, readString(cursor)]);
    } else if (first & 0x20) {
      const name = readString(cursor, 3);
      fields.push([name, readString(cursor)]);
    } else throw dynamic();
  }
  return fields;
}

function entry(index: number): readonly [string, string] {
  const found = QPACK_STATIC_TABLE[index];
  if (!found) throw new HeaderCodingError(`no field at index ${index} of the static table`);
  return found;
}

function dynamic(): HeaderCodingError {
  return new HeaderCodingError("a field of a dynamic table that there is not");
}
