/**
 * The inner loop of vector search, as a WebAssembly module that is put together here: V8 does not use SIMD for plain
 * typed-array loops, and WebAssembly asks for no permission and works in every kind of binary.
 *
 * Vectors are rows of 16-bit fixed point: a unit vector times 32,767. The product of two such rows stays below 2³¹
 * (Cauchy and Schwarz: at most 32,767², in every partial sum too), and rounding moves a score by about 10⁻⁵.
 */

/** 1.0 in fixed point. */
export const ONE = 32_767;

/** Bytes of a page of WebAssembly memory (WebAssembly core specification 2.0, "Memory instances"). */
export const PAGE_BYTES = 65_536;

/** Pages that 32-bit addresses reach: 4 GiB. */
export const PAGE_LIMIT = 65_536;

/** A row's bytes: the loop reads two SIMD registers (2 × 8 numbers) at a time, and the rest is zero. */
export function rowBytes(dimensions: number): number {
  return Math.ceil(dimensions / 16) * 32;
}

/**
 * Writes `count` scores to `out` (32-bit integers, one after the other): the scalar product of the row at `query` with
 * each of the rows from `rows` on. All are byte addresses, multiples of 4; `bytes` is {@linkcode rowBytes}.
 */
export type ScoreRows = (
  query: number,
  rows: number,
  count: number,
  bytes: number,
  out: number,
) => void;

/** Compiles the kernel over a memory. Takes about a millisecond. */
export function scoreRows(memory: WebAssembly.Memory): ScoreRows {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(MODULE), { env: { memory } });
  return instance.exports["scoreRows"] as ScoreRows;
}

// Numbers of the binary format (WebAssembly core specification 2.0, "Binary format" and "Vector instructions").
const I32 = 0x7f;
const V128 = 0x7b;
const END = 0x0b;
const SIMD = 0xfd;
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const i32Const = (value: number) => [0x41, ...signed(value)];
const I32_ADD = [0x6a];
const I32_LESS = [0x49];
const I32_ZERO = [0x45];
const i32Store = [0x36, 2, 0];
const loadAt = (offset: number) => [SIMD, 0x00, 2, offset];
const DOT_16 = [SIMD, 0xba, 0x01];
const ADD_32X4 = [SIMD, 0xae, 0x01];
const ZERO_128 = [SIMD, 0x0c, ...Array<number>(16).fill(0)];
const lane = (index: number) => [SIMD, 0x1b, index];
const block = (...body: number[][]) => [0x02, 0x40, ...body.flat(), END];
const loop = (...body: number[][]) => [0x03, 0x40, ...body.flat(), END];
const branchIf = (depth: number) => [0x0d, depth];
const branch = (depth: number) => [0x0c, depth];

/** Parameters and locals, by number. */
const [QUERY, ROWS, COUNT, BYTES, OUT, AT, ROW_END, EVEN, ODD] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/** sum += query[at + offset …] · rows[offset …], eight numbers. */
const accumulate = (sum: number, offset: number) => [
  get(sum),
  ...[get(AT), loadAt(offset), get(ROWS), loadAt(offset), DOT_16],
  ...[ADD_32X4, set(sum)],
];

const BODY = block(loop(
  ...[get(COUNT), I32_ZERO, branchIf(1)],
  ...[get(QUERY), set(AT), get(ROWS), get(BYTES), I32_ADD, set(ROW_END)],
  ...[ZERO_128, set(EVEN), ZERO_128, set(ODD)],
  loop(
    ...accumulate(EVEN, 0),
    ...accumulate(ODD, 16),
    ...[get(AT), i32Const(32), I32_ADD, set(AT)],
    ...[get(ROWS), i32Const(32), I32_ADD, set(ROWS)],
    ...[get(ROWS), get(ROW_END), I32_LESS, branchIf(0)],
  ),
  ...[get(EVEN), get(ODD), ADD_32X4, set(EVEN), get(OUT)],
  ...[get(EVEN), lane(0), get(EVEN), lane(1), I32_ADD],
  ...[get(EVEN), lane(2), I32_ADD, get(EVEN), lane(3), I32_ADD, i32Store],
  ...[get(OUT), i32Const(4), I32_ADD, set(OUT)],
  ...[get(COUNT), i32Const(-1), I32_ADD, set(COUNT)],
  branch(0),
));

const MODULE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 5, I32, I32, I32, I32, I32, 0]),
  ...section(2, [1, ...name("env"), ...name("memory"), 0x02, 0x00, 0]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...name("scoreRows"), 0x00, 0]),
  ...section(10, [1, ...sized([2, 2, I32, 2, V128, ...BODY, END])]),
]);

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const rest = value >> 7;
  const done = rest === (value & 0x40 ? -1 : 0);
  return done ? [value & 0x7f] : [value & 0x7f | 0x80, ...signed(rest)];
}
