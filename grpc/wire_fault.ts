/** How each broken answer is put on the wire. */
import { resetSocket } from "../service/mod.ts";
import { frame } from "./frame.ts";
import type { WireFault, WireFaultName } from "./service.ts";
import { encodeHeaders, FLAG, FRAME, H2_ERROR, type H2Stream } from "../http2/mod.ts";

const OK_HEADERS = encodeHeaders([[":status", "200"], ["content-type", "application/grpc"]]);
const OK_TRAILERS = encodeHeaders([["grpc-status", "0"]]);

const FAULTS: Record<WireFaultName, (stream: H2Stream, message: Uint8Array) => void> = {
  no_grpc_status: (stream, message) => {
    stream.sendHeaders(OK_HEADERS, false);
    stream.sendData(frame(message), false);
    stream.sendHeaders(encodeHeaders([["x-llm-fault", "no_grpc_status"]]), true);
  },
  no_trailers: (stream, message) => {
    stream.sendHeaders(OK_HEADERS, false);
    stream.sendData(frame(message), true);
  },
  headers_only: (stream) => stream.sendHeaders(OK_HEADERS, true),
  truncated_message: (stream, message) => {
    stream.sendHeaders(OK_HEADERS, false);
    stream.sendData(twoThirds(frame(message)), false);
    stream.sendHeaders(OK_TRAILERS, true);
  },
  truncated_frame: (stream, message) => {
    const { connection, id } = stream;
    const whole = frame(message);
    stream.sendHeaders(OK_HEADERS, false);
    connection.flush();
    // The head promises all of it; the connection ends in the middle.
    connection.out.frame({ type: FRAME.DATA, flags: 0, stream: id }, whole);
    const bytes = connection.out.take();
    connection.socket.end(bytes.subarray(0, bytes.length - Math.ceil(whole.length / 3)));
  },
  rst_stream: (stream) => stream.reset(H2_ERROR.INTERNAL_ERROR),
  refused_stream: (stream) => stream.reset(H2_ERROR.REFUSED_STREAM),
  rst_after_headers: (stream) => {
    stream.sendHeaders(OK_HEADERS, false);
    stream.reset(H2_ERROR.INTERNAL_ERROR);
  },
  goaway: ({ connection }) => {
    // Last stream 0: none was processed, this one neither.
    connection.goAway(H2_ERROR.NO_ERROR, 0);
    connection.flush();
    connection.socket.end();
  },
  goaway_error: ({ connection }) => {
    connection.goAway(H2_ERROR.ENHANCE_YOUR_CALM, 0);
    connection.flush();
    connection.socket.end();
  },
  tcp_fin: ({ connection }) => connection.socket.end(),
  tcp_rst: ({ connection }) => void resetSocket(connection.socket),
  protocol_error: ({ connection, id }) => {
    // Trailers before headers, with an index that no table has.
    connection.out.frame(
      { type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream: id },
      new Uint8Array([0xff, 0xff, 0x7f]),
    );
    connection.flushSoon();
  },
  http_503: (stream) => {
    stream.sendHeaders(encodeHeaders([[":status", "503"], ["content-type", "text/plain"]]), false);
    stream.sendData(new TextEncoder().encode("unavailable\n"), true);
  },
  wrong_content_type: (stream) => {
    stream.sendHeaders(encodeHeaders([[":status", "200"], ["content-type", "text/html"]]), false);
    stream.sendData(new TextEncoder().encode("<!doctype html><title>not gRPC</title>\n"), true);
  },
};

/** Answers a stream with a fault. */
export function breakAnswer(stream: H2Stream, { fault, message }: WireFault): void {
  FAULTS[fault](stream, message);
}

function twoThirds(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length - Math.ceil(bytes.length / 3));
}
