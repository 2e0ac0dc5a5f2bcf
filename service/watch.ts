/** Milliseconds without a further event before a change counts: editors write in bursts. */
const SETTLE_MS = 40;

/**
 * Calls `onChange` after the file's content may have changed; survives editors that replace the
 * file by renaming another over it, because the folder is watched, not the file.
 *
 * The watch is in place when this returns; dispose the result to end it.
 */
export function watchFile(path: string, onChange: () => void): AsyncDisposable {
  const slash = path.lastIndexOf("/");
  const folder = slash < 0 ? "." : path.slice(0, slash) || "/";
  const name = path.slice(slash + 1);
  return watchFolder(folder, onChange, (changed) => changed === name);
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
