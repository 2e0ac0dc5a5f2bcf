/** Measures the time to the first token. */
import { connect } from "node:net";

/** A script of the mock that sends one event at once: what remains is the way. */
const ONE_EVENT = btoa(JSON.stringify({ steps: [{ event: { data: "1" } }, { end: true }] }))
  .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

const BODY = JSON.stringify({
  model: "gpt-4o-mini",
  stream: true,
  messages: [{ role: "user", content: "Hello" }],
});

/** A kept connection over which one stream after the other is asked for. */
export interface FirstTokenClient extends Disposable {
  /** Sends a request and returns the milliseconds until the first body byte came. */
  measure(): Promise<number>;
}

/** The request; of the mock, one event, unless told otherwise. */
export interface FirstTokenRequest {
  /** That of chat completions when left out. */
  readonly path?: string;
  readonly headers: readonly string[];
  readonly body: string;
  /** Text by which the first event is known. */
  readonly until: string;
}

const OF_THE_MOCK: FirstTokenRequest = {
  headers: ["x-api-key: demo-key", `x-mock-script: ${ONE_EVENT}`],
  body: BODY,
  until: "data: 1",
};

/** Opens a connection to a gateway, an Envoy or the mock itself. */
export async function firstTokenClient(
  url: string,
  asked: FirstTokenRequest = OF_THE_MOCK,
): Promise<FirstTokenClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise<void>((resolve, reject) =>
    socket.once("connect", resolve).once("error", reject)
  );
  const head = [
    `POST ${asked.path ?? "/v1/chat/completions"} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    "content-type: application/json",
    ...asked.headers,
    `content-length: ${asked.body.length}`,
  ].join("\r\n");
  const request = `${head}\r\n\r\n${asked.body}`;
  let text = "";
  let onText = () => {};
  socket.on("data", (bytes: Uint8Array) => {
    text += new TextDecoder("latin1").decode(bytes);
    onText();
  });
  const until = (pattern: string) =>
    new Promise<void>((resolve) => {
      onText = () => {
        if (text.includes(pattern)) resolve();
      };
      onText();
    });
  return {
    async measure() {
      text = "";
      const started = performance.now();
      socket.write(request);
      await until(asked.until);
      const elapsed = performance.now() - started;
      if (!text.startsWith("HTTP/1.1 200")) throw new Error(`Cannot measure: ${text.slice(0, 80)}`);
      // The last chunk of RFC 9112, section 7.1, ends the answer.
      await until("\r\n0\r\n\r\n");
      return elapsed;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}
