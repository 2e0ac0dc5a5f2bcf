/** Milliseconds without a further event before a change counts: editors write in bursts. */
const SETTLE_MS = 40;

/** A mounted ConfigMap or Secret is a folder of links through this one, which is replaced at once. */
const KUBERNETES_LINK = "..data";

/**
 * Calls `onChange` after the file's content may have changed; survives editors that replace the
 * file by renaming another over it, and Kubernetes, which replaces a link on the way to it: the
 * folder is watched, not the file.
 *
 * The watch is in place when this returns; dispose the result to end it.
 */
export function watchFile(path: string, onChange: () => void): AsyncDisposable {
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash) || "/";
  const name = path.slice(slash + 1);
  const names = [name, KUBERNETES_LINK];
  return watchFolder(folder, onChange, (changed) => names.includes(changed));
}

/** Calls `onChange` after something in `folder` changed (only names that satisfy `matches`). */
export function watchFolder(
  folder: string,
  onChange: () => void,
  matches: (name: string) => boolean = () => true,
): AsyncDisposable {
  const watcher = Deno.watchFs(folder, { recursive: false });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const loop = (async () => {
    for await (const event of watcher) {
      if (event.kind === "access") continue;
      if (!event.paths.some((path) => matches(path.slice(path.lastIndexOf("/") + 1)))) continue;
      clearTimeout(timer);
      timer = setTimeout(onChange, SETTLE_MS);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      try {
        watcher.close();
      } catch {
        // Closed before.
      }
      await loop;
    },
  };
}
