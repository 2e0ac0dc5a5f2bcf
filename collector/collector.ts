/** A collector: OTLP over gRPC and HTTP, and Envoy's access log service, into one journal. */
import { gunzipSync } from "node:zlib";
import {
  GRPC_STATUS,
  GrpcError,
  type GrpcServer,
  type GrpcService,
  startGrpcServer,
} from "../grpc/mod.ts";
import { type LocalServer, serveLocal } from "../local_http/mod.ts";
import {
  hostPort,
  Journal,
  listenLasting,
  type Log,
  messageOf,
  metricsText,
  silent,
} from "../service/mod.ts";
import { decode, type OtlpJson, type Table } from "./decode.ts";
import { ACCESS_LOGS, LOGS, METRICS, TRACES } from "./otlp_tables.ts";
import { accessLogsOf, type Collected, logsOf, metricsOf, spansOf } from "./records.ts";

/** Options of {@linkcode startCollector}. */
export interface CollectorOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** OTLP over gRPC, and Envoy's access log service; 0, the default, picks a free one. */
  readonly port?: number;
  /** OTLP over HTTP; 0, the default, picks a free one. */
  readonly httpPort?: number;
  /** Entries that the journal keeps; 10,000 unless told otherwise. */
  readonly journalLimit?: number;
  readonly onRecord?: (record: Collected) => void;
  readonly log?: Log;
}

/** A running collector. */
export interface Collector extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` of gRPC. */
  readonly address: string;
  /** `http://127.0.0.1:4318` */
  readonly httpUrl: string;
  readonly httpPort: number;
  /** Records that came, newest last. */
  readonly journal: Journal<Collected>;
  /** Prometheus text: how much came. */
  metrics(): Promise<string>;
  /** Closes the gRPC listener and its connections, and lets it listen again. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

const JOURNAL_LIMIT = 10_000;
/** Longest request over HTTP, bytes, packed and unpacked: exporters send some hundred kilobytes. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Signals of OTLP: the service and path of each, how its request is read. https://opentelemetry.io/docs/specs/otlp/ */
const SIGNALS: readonly {
  readonly service: string;
  readonly path: string;
  readonly table: Table;
  readonly read: (request: OtlpJson) => Collected[];
}[] = [
  { service: "trace.v1.TraceService", path: "/v1/traces", table: TRACES, read: spansOf },
  { service: "logs.v1.LogsService", path: "/v1/logs", table: LOGS, read: logsOf },
  { service: "metrics.v1.MetricsService", path: "/v1/metrics", table: METRICS, read: metricsOf },
];

/** Full name of Envoy's access log service. */
const ACCESS_LOG_SERVICE = "envoy.service.accesslog.v3.AccessLogService";

/**
 * Starts a collector and resolves when both listeners are open.
 *
 * @throws {UnavailableError} when a port is taken
 */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const { host = "127.0.0.1", port = 0, httpPort = 0, log = silent } = options;
  const journal = new Journal<Collected>({ limit: options.journalLimit ?? JOURNAL_LIMIT });
  const counts = new Map<string, number>();
  const take = (records: readonly Collected[]) => {
    for (const record of records) {
      counts.set(record.signal, (counts.get(record.signal) ?? 0) + 1);
      journal.append(record);
      options.onRecord?.(record);
    }
  };
  await using stack = new AsyncDisposableStack();
  const http: LocalServer = stack.use(
    serveLocal((request) => overHttp(request, { take, log }), { host, port: httpPort, log }),
  );
  let grpc: GrpcServer | undefined;
  let bound = port;
  const reopen = async () => {
    grpc ??= await startGrpcServer({ host, port: bound, services: servicesOf(take) });
    bound = grpc.port;
  };
  const close = async () => {
    const server = grpc;
    grpc = undefined;
    await server?.stop();
  };
  if (port === 0) {
    await listenLasting(host, (free) => {
      bound = free;
      return reopen();
    });
  } else await reopen();
  stack.defer(close);
  const owned = stack.move();
  return {
    host,
    port: bound,
    address: hostPort(host, bound),
    httpUrl: http.url,
    httpPort: http.port,
    journal,
    metrics: () => Promise.resolve(countsText(counts)),
    close,
    reopen,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Take = (records: readonly Collected[]) => void;

function servicesOf(take: Take): GrpcService[] {
  return [
    ...SIGNALS.map(({ service, table, read }) => ({
      name: `opentelemetry.proto.collector.${service}`,
      methods: {
        Export: {
          unary(bytes: Uint8Array) {
            take(read(messageOfCall(bytes, table)));
            // No partial success to tell of: an empty message.
            return new Uint8Array();
          },
        },
      },
    })),
    {
      name: ACCESS_LOG_SERVICE,
      methods: {
        StreamAccessLogs: {
          bidi: async (call) => {
            for await (const bytes of call.messages) {
              take(accessLogsOf(messageOfCall(bytes, ACCESS_LOGS)));
            }
            await call.write(new Uint8Array());
          },
        },
      },
    },
  ];
}

/** Reads the message of a call; one that is none is the caller's fault, and told so. */
function messageOfCall(bytes: Uint8Array, table: Parameters<typeof decode>[1]) {
  try {
    return decode(bytes, table);
  } catch (error) {
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, messageOf(error));
  }
}

/** OTLP over HTTP: protobuf or JSON, packed or not. */
async function overHttp(
  request: Request,
  { take, log }: { take: Take; log: Log },
): Promise<Response> {
  const signal = SIGNALS.find(({ path }) => path === new URL(request.url).pathname);
  if (signal === undefined) {
    return refusal(404, `Unknown path: there are ${SIGNALS.map(({ path }) => path).join(", ")}`);
  }
  if (request.method !== "POST") {
    await request.body?.cancel();
    return refusal(405, "Send it by POST", { allow: "POST" });
  }
  const type = request.headers.get("content-type")?.split(";")[0]?.trim() ?? "";
  const isJson = type === "application/json";
  if (!isJson && type !== "application/x-protobuf") {
    return refusal(415, "The content type must be application/x-protobuf or application/json");
  }
  try {
    const body = await bodyOf(request);
    const message = isJson
      ? JSON.parse(new TextDecoder().decode(body)) as OtlpJson
      : decode(body, signal.table);
    take(signal.read(message));
  } catch (error) {
    if (error instanceof RangeError) return refusal(413, `At most ${BODY_LIMIT} bytes are taken`);
    log(`collector: ${signal.path}: ${messageOf(error)}`);
    return refusal(400, `The body cannot be read: ${messageOf(error)}`);
  }
  return isJson ? Response.json({}) : new Response(new Uint8Array(), {
    headers: { "content-type": "application/x-protobuf" },
  });
}

async function bodyOf(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > BODY_LIMIT) throw new RangeError();
    chunks.push(chunk);
  }
  const body = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
  if (request.headers.get("content-encoding") !== "gzip") return body;
  return gunzipSync(body, { maxOutputLength: BODY_LIMIT });
}

function refusal(status: number, message: string, headers: HeadersInit = {}): Response {
  const error = { message, type: "invalid_request_error", param: null, code: null };
  return Response.json({ error }, { status, headers });
}

function countsText(counts: ReadonlyMap<string, number>): string {
  return metricsText([{
    name: "llmgate_collector_records_total",
    help: "Spans, log records, metrics and access log lines that came",
    kind: "counter",
    samples: [...counts].map(([signal, value]) => ({ labels: { signal }, value })),
  }]);
}
