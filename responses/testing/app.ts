/** The HTTP front on a SQLite file and a folder of its own, called without a socket. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { TENANT_HEADER } from "../api/tenant.ts";
import type { Resource } from "../api/resource.ts";
import type { Blobs } from "../blobs/blobs.ts";
import { openDisk } from "../blobs/disk.ts";
import { httpApp } from "../http/app.ts";
import { connectors } from "../resources/connectors.ts";
import { conversations } from "../resources/conversations.ts";
import { files } from "../resources/files.ts";
import { prompts } from "../resources/prompts.ts";
import type { SqlStore } from "../store/sql_store.ts";
import { openSqlite } from "../store/sqlite.ts";
import { T0 } from "./objects.ts";
import { openTestStore, type TestClock } from "./store_suite.ts";

/** An answer, read. */
export interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
}

export interface TestApp extends AsyncDisposable {
  readonly store: SqlStore;
  readonly blobs: Blobs;
  /** The folder that the blobs lie in. */
  readonly folder: string;
  readonly clock: TestClock;
  readonly fetch: (request: Request) => Promise<Response>;
  /** Calls with a JSON body (or a form) and reads a JSON answer. */
  call(method: string, path: string, body?: unknown, tenant?: string): Promise<Answer>;
  /** Uploads a text file; resolves with its id. */
  upload(text: string, fields?: Record<string, string>, tenant?: string): Promise<string>;
}

/** Options of `startTestApp`. */
export interface TestAppOptions {
  readonly maxFileBytes?: number;
  /** More resources, made of the same parts. */
  readonly resources?: (
    app: Omit<TestApp, "fetch" | "call" | "upload">,
  ) => Promise<readonly Resource[]>;
}

/** Failures that are the gateway's own fault fail the test. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { maxFileBytes } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-app-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const clock = { now: T0 };
  const now = () => clock.now;
  const store = stack.use(
    await openTestStore(await openSqlite({ path: join(folder, "store.db") }), clock),
  );
  const blobFolder = join(folder, "files");
  const blobs = stack.use(await openDisk(blobFolder));
  const failures: unknown[] = [];
  const parts = { store, blobs, clock, folder: blobFolder };
  const owned = stack.move();
  const dispose = async () => {
    await owned.disposeAsync();
    assert.deepEqual(failures, []);
  };
  const app = httpApp({
    resources: [
      conversations({ store, now }),
      prompts({ store, now }),
      connectors({ store, now }),
      files({
        store,
        blobs,
        now,
        ...(maxFileBytes === undefined ? {} : { maxBytes: maxFileBytes }),
      }),
      ...await options.resources?.({ ...parts, [Symbol.asyncDispose]: dispose }) ?? [],
    ],
    onError: (error) => failures.push(error),
  });
  const fetch = async (request: Request) => await app.fetch(request);
  const call = async (method: string, path: string, body?: unknown, tenant?: string) => {
    const response = await fetch(
      new Request(`http://gateway${path}`, {
        method,
        headers: tenant === undefined ? {} : { [TENANT_HEADER]: tenant },
        ...(body === undefined
          ? {}
          : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      }),
    );
    return { status: response.status, body: await response.json() };
  };
  return {
    ...parts,
    fetch,
    call,
    async upload(text, fields, tenant) {
      const form = formOf(text, fields ?? { purpose: "assistants" });
      const { status, body } = await call("POST", "/v1/files", form, tenant);
      assert.equal(status, 200, JSON.stringify(body));
      return body.id;
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** A form with a file and fields, the file first, as the official clients send it. */
export function formOf(
  content: string | Uint8Array<ArrayBuffer>,
  fields: Record<string, string>,
  { filename = "a.txt", type = "text/plain" } = {},
): FormData {
  const form = new FormData();
  form.append("file", new File([content], filename, { type }));
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}
