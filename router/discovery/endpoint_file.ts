/** Envoy's endpoint discovery (EDS) from a file. */
import { delay, messageOf, replaceFile, UnavailableError } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import { ASSIGNMENT_TYPE, assignmentOf, type EndpointSink } from "./assignment.ts";

/**
 * How long Envoy gets to read a changed file, in milliseconds: it watches the file (inotify,
 * kqueue), and does not say when it has read it. Long enough for a machine that has much to do.
 */
const SETTLE_MS = 1_000;

/** Rights of the file: the Envoy that reads it may be another user's. */
const READABLE = 0o644;

/**
 * Keeps a file for an Envoy cluster of type EDS with `path_config_source`. The file is replaced by
 * renaming, the only change that Envoy watches for, so it never holds half of a list.
 */
export class EndpointFile implements EndpointSink {
  readonly #path: string;
  readonly #cluster: string;
  readonly #settleMs: number;
  #version = 0;

  /** @param cluster Name of the cluster in Envoy's configuration. */
  constructor(path: string, cluster: string, { settleMs = SETTLE_MS } = {}) {
    this.#path = path;
    this.#cluster = cluster;
    this.#settleMs = settleMs;
  }

  /** @throws {UnavailableError} when the file cannot be written */
  async publish(hosts: readonly BackendHost[]): Promise<void> {
    const version = ++this.#version;
    const text = JSON.stringify(
      {
        version_info: String(version),
        resources: [{ "@type": ASSIGNMENT_TYPE, ...assignmentOf(this.#cluster, hosts) }],
      },
      null,
      1,
    );
    try {
      await replaceFile(this.#path, `${text}\n`, READABLE);
    } catch (error) {
      throw new UnavailableError(
        `Cannot write the endpoints to "${this.#path}": ${messageOf(error)}`,
      );
    }
    // At the first time nobody waits for a host that was not there before.
    if (version > 1) await delay(this.#settleMs);
  }
}
