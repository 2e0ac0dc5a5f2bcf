import assert from "node:assert/strict";
import { type Http1Client, http1Client } from "./client.ts";

/** One connection as the server sees it. */
type Serve = (connection: Deno.Conn, requests: AsyncGenerator<string>) => Promise<void>;

/** A server that handles its first connection by the first function, and so on. */
function startServer(...serves: Serve[]) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served: Promise<void>[] = [];
  let accepted = 0;
  const accept = async () => {
    for await (const connection of listener) {
      const serve = serves[accepted++];
      if (serve === undefined) connection.close();
      else served.push(serve(connection, requestsOf(connection)).finally(() => end(connection)));
    }
  };
  const accepting = accept();
  return {
    url: new URL(`http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`),
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting.catch(() => {});
      await Promise.allSettled(served);
    },
  };
}

function end(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // The test closed it.
  }
}

/** Each request's head and body; bodies have a length. */
async function* requestsOf(connection: Deno.Conn): AsyncGenerator<string> {
  const buffer = new Uint8Array(4_096);
  let text = "";
  while (true) {
    const head = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/.exec(text)?.[1] ?? 0);
    if (head >= 0 && text.length >= head + 4 + length) {
      yield text.slice(0, head + 4 + length);
      text = text.slice(head + 4 + length);
      continue;
    }
    const size = await connection.read(buffer).catch(() => null);
    if (size === null) return;
    text += new TextDecoder("latin1").decode(buffer.subarray(0, size));
  }
}

async function say(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

const answerAll: Serve = async (connection, requests) => {
  let n = 0;
  for await (const _ of requests) {
    const text = `answer ${++n}`;
    await say(connection, `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`);
  }
};

const never = new AbortController().signal;

async function ask(client: Http1Client, path = "/", signal = never): Promise<string> {
  return await (await client.send({ method: "POST", path, body: "{}", signal })).text();
}

Deno.test("a connection is used again, and two when two are needed", async () => {
  await using server = startServer(answerAll, answerAll);
  using client = http1Client(server.url);
  assert.equal(await ask(client), "answer 1");
  assert.equal(await ask(client), "answer 2");
  assert.equal(server.accepted, 1);
  await Promise.all([ask(client), ask(client)]);
  assert.equal(server.accepted, 2);
});

Deno.test("a request says what it is given to say, and nothing that forges another", async () => {
  let asked = "";
  await using server = startServer(async (connection, requests) => {
    for await (const request of requests) {
      asked = request;
      await say(connection, "HTTP/1.1 204 No Content\r\n\r\n");
    }
  });
  using client = http1Client(server.url);
  const request = { method: "POST", path: "/v1/x?y=1", body: "h\u00e9", signal: never } as const;
  const answer = await client.send({ ...request, headers: { "x-a": "1" } });
  assert.equal(await answer.text(), "");
  assert.equal(
    asked,
    `POST /v1/x?y=1 HTTP/1.1\r\nhost: ${server.url.host}\r\nx-a: 1\r\ncontent-length: 3\r\n\r\nh\u00c3\u00a9`,
  );
  await assert.rejects(
    client.send({ ...request, headers: { "x-a": "1\r\nx-b: 2" } }),
    /Cannot send the header "x-a"/,
  );
});

Deno.test("a kept connection that the server has closed is no failure", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = startServer(
    async (connection, requests) => {
      await requests.next();
      await say(connection, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na");
      // The next request arrives, and is not answered.
      await requests.next();
      connection.close();
      closed.resolve();
    },
    answerAll,
  );
  using client = http1Client(server.url);
  assert.equal(await ask(client), "a");
  assert.equal(await ask(client), "answer 1");
  await closed.promise;
});

Deno.test("a new connection that is closed without an answer is a failure, and not tried again", async () => {
  await using server = startServer(async (_, requests) => void await requests.next(), answerAll);
  using client = http1Client(server.url);
  await assert.rejects(ask(client), /ended before an answer came/);
  assert.equal(server.accepted, 1);
});

Deno.test("a signal ends the wait for an answer, and the reading of one", async () => {
  const left: Promise<void>[] = [];
  const serve: (begin: string) => Serve = (begin) => async (connection, requests) => {
    await requests.next();
    await say(connection, begin);
    const gone = requests.next().then(() => {});
    left.push(gone);
    await gone;
  };
  const begun = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
  await using server = startServer(serve("HTTP/1.1 2"), serve(begun));
  using client = http1Client(server.url);
  const reason = new Error("enough");
  const early = new AbortController();
  const waiting = ask(client, "/", early.signal);
  early.abort(reason);
  await assert.rejects(waiting, reason);
  const late = new AbortController();
  const answer = await client.send({ method: "GET", path: "/", signal: late.signal });
  const pieces = answer.body[Symbol.asyncIterator]();
  assert.deepEqual([...(await pieces.next()).value ?? []], [97]);
  const next = pieces.next();
  late.abort(reason);
  await assert.rejects(next, reason);
  await Promise.all(left);
});

Deno.test("a body that is not read on closes its connection", async () => {
  const gone = Promise.withResolvers<void>();
  await using server = startServer(async (connection, requests) => {
    await requests.next();
    await say(connection, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
    await requests.next();
    gone.resolve();
  });
  using client = http1Client(server.url);
  const answer = await client.send({ method: "GET", path: "/", signal: never });
  for await (const _ of answer.body) break;
  await gone.promise;
});

Deno.test("an answer may come before the request is read, and ends its connection", async () => {
  const answered = Promise.withResolvers<void>();
  await using server = startServer(async (connection) => {
    await say(connection, "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno");
    await answered.promise;
  }, answerAll);
  using client = http1Client(server.url);
  const request = { method: "POST", path: "/", body: "x".repeat(32 << 20), signal: never } as const;
  const answer = await client.send(request);
  assert.deepEqual([answer.status, await answer.text()], [413, "no"]);
  answered.resolve();
  assert.equal(await ask(client), "answer 1");
});

Deno.test("localhost is found at whichever loopback address listens", async () => {
  await using server = startServer(answerAll);
  using client = http1Client(new URL(`http://localhost:${server.url.port}`));
  assert.equal(await ask(client), "answer 1");
});

Deno.test("disposing a client ends what runs on it", async () => {
  await using server = startServer(async (_, requests) => {
    await requests.next();
    asked();
    await requests.next();
  });
  let asked = () => {};
  const heard = new Promise<void>((resolve) => asked = resolve);
  const client = http1Client(server.url);
  const waiting = assert.rejects(ask(client));
  await heard;
  client[Symbol.dispose]();
  await waiting;
});

Deno.test("another protocol is refused", () => {
  assert.throws(() => http1Client(new URL("https://a")), /Cannot speak "https:"/);
});
