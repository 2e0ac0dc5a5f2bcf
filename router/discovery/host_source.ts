/** Sources of model servers, whichever way they are discovered. */
import type { BackendHost } from "../hosts.ts";

/** Where the router's model servers come from: those of this moment, and word of each change. */
export interface HostSource extends AsyncDisposable {
  /** The model servers of this moment. */
  readonly hosts: readonly BackendHost[];
  /** Calls `listener` with every host after each change, until the result is disposed. */
  onChange(listener: (hosts: readonly BackendHost[]) => void): Disposable;
}

/** A list of hosts that can be replaced; what every way of discovery is made of. */
export class HostList implements HostSource {
  #hosts: readonly BackendHost[];
  readonly #listeners = new Set<(hosts: readonly BackendHost[]) => void>();

  constructor(hosts: readonly BackendHost[] = []) {
    this.#hosts = hosts;
  }

  get hosts(): readonly BackendHost[] {
    return this.#hosts;
  }

  onChange(listener: (hosts: readonly BackendHost[]) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Puts other hosts in place. Nobody is told of a list that says the same as before. */
  replace(hosts: readonly BackendHost[]): void {
    if (sameHosts(hosts, this.#hosts)) return;
    this.#hosts = hosts;
    for (const listener of [...this.#listeners]) listener(hosts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await Promise.resolve();
  }
}

/** Returns a source of its own for hosts that never change; a source as it is. */
export function hostSource(hosts: readonly BackendHost[] | HostSource): HostSource {
  return "onChange" in hosts ? hosts : new HostList(hosts);
}

function sameHosts(one: readonly BackendHost[], other: readonly BackendHost[]): boolean {
  return one.length === other.length &&
    one.every((host, index) => identity(host) === identity(other[index]));
}

function identity(host: BackendHost | undefined): string {
  return JSON.stringify({ ...host, models: host?.models && [...host.models].sort() });
}
