/**
 * The lifecycle vocabulary that every room shares: errors with a meaning, deadlines, journals and
 * barriers in place of sleeps, child processes that cannot outlive us, ports and file watches.
 *
 * ```ts
 * await using child = await startProcess({
 *   command: "sleep", args: ["60"], stdout: "null", stderr: "null",
 * });
 * ```
 *
 * @module
 */
export { Barriers } from "./barrier.ts";
export { nextOrder, now } from "./clock.ts";
export {
  CREDENTIAL_HEADERS,
  isCredentialHeader,
  isCredentialParameter,
} from "./credential_names.ts";
export { keepListening, type Listening, openFilesLimit } from "./connections.ts";
export { deadlineSignal, delay, startDeadline, withDeadline } from "./deadline.ts";
export { DEFAULT_PORTS } from "./default_ports.ts";
export { defined } from "./defined.ts";
export { messageOf, UnavailableError, UsageError } from "./errors.ts";
export { bounded, boundedText } from "./bounded.ts";
export { GrowingBytes } from "./growing_bytes.ts";
export { hostPort, isLoopback, urlHost } from "./host_port.ts";
export { Journal } from "./journal.ts";
export { readFileBytes, readPlainTextFile, readTextFile } from "./text_file.ts";
export { watchLaunchers } from "./launcher.ts";
export { type Log, silent } from "./log.ts";
export { closeServer, resetSocket } from "./net_server.ts";
export { HistogramCounts, type MetricFamily, metricsText, type Sample } from "./metrics_text.ts";
export { loadModule, moduleUrl } from "./module.ts";
export {
  markOf,
  markPath,
  NONCE_HEADER,
  nonceOf,
  openNonce,
  signNonce,
  unmarkPath,
} from "./nonce.ts";
export {
  assertPeerSecret,
  isPeer,
  makePeerSecret,
  PEER_HEADER,
  PEER_SECRET_ENV,
  PEER_SECRET_FILE_ENV,
  peerSecretOf,
} from "./peer_secret.ts";
export { assertPortFree, listenLasting, whoListens } from "./ports.ts";
export {
  type ChildProcess,
  type ExitStatus,
  type ProcessOptions,
  startProcess,
} from "./process.ts";
export {
  assertOwnFolder,
  makePrivateFileSync,
  makePrivateFolder,
  PRIVATE,
  replaceFile,
} from "./private_files.ts";
export { REDACTED, redactedHead, redactedHeader, redactedTarget } from "./redaction.ts";
export type { RequestRecord, Tokens } from "./request_record.ts";
export { harmless, shown } from "./shown.ts";
export { SharedLog } from "./shared_log.ts";
export { watchFile, watchFolder } from "./watch.ts";
export {
  giveAway,
  type RunningWorker,
  serveWorker,
  startWorker,
  type WorkerMethods,
} from "./worker.ts";
