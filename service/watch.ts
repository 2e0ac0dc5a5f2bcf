/** Notices that files change, by looking at them: opening one would cost others their locks. */
import { delay } from "./deadline.ts";

/** How often a file, or a folder, is looked at, milliseconds. */
const FILE_MS = 50;
const FOLDER_MS = 250;

/** A change that is no older can hide another one behind the same time: file systems count in steps of some milliseconds. */
const RECENT_MS = 1_000;

/** Longest file whose content is compared, bytes: it is read while nothing else runs. */
const MAX_COMPARED = 4 * 1024 * 1024;

/** A file as it was found. */
interface Seen {
  /** Everything but its content that differs between two of them. */
  readonly facts: string;
  /** Its text, of a file that has just changed. */
  readonly content?: string;
}

/** Files as they were found, by name. */
type Look = ReadonlyMap<string, Seen>;

/**
 * Calls `onChange` after the file's content may have changed. Editors that replace the file by renaming another over it
 * are seen as well, and so is Kubernetes, which replaces a link on the way to it. A change counts once two looks in a
 * row find the same: editors write in bursts.
 *
 * The first look is taken before this returns; dispose the result to end it.
 */
export function watchFile(path: string, onChange: () => void): AsyncDisposable {
  return watchLooks(() => new Map([[path, seenAt(path)]]), { everyMs: FILE_MS, onChange });
}

/** Calls `onChange` after a file of `folder` changed, came or went (only names that satisfy `matches`). */
export function watchFolder(
  folder: string,
  onChange: () => void,
  matches: (name: string) => boolean = () => true,
): AsyncDisposable {
  return watchLooks(() => lookInto(folder, matches), { everyMs: FOLDER_MS, onChange });
}

/**
 * Compares looks, and subscribes to no events of the system: the runtime opens each file that such an event is about,
 * and a process that closes a file loses its locks on it (fcntl(2), "Record locks"), SQLite's among them. Folders that are
 * shared with a virtual machine have no events, either.
 */
function watchLooks(
  look: () => Look,
  { everyMs, onChange }: { readonly everyMs: number; readonly onChange: () => void },
): AsyncDisposable {
  const stop = new AbortController();
  const looking = async (known: Look) => {
    for (let seen = known;;) {
      await delay(everyMs, stop.signal);
      const now = look();
      if (alike(now, seen) && !alike(now, known)) {
        known = now;
        onChange();
      }
      seen = now;
    }
  };
  const over = looking(look()).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}

function alike(one: Look, other: Look): boolean {
  return one.size === other.size && [...one].every(([name, { facts, content }]) => {
    const seen = other.get(name);
    if (seen?.facts !== facts) return false;
    return content === undefined || seen.content === undefined || content === seen.content;
  });
}

function seenAt(path: string): Seen {
  try {
    const { dev, ino, size, mtime, ctime, isFile } = Deno.statSync(path);
    const facts = [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(" ");
    const isRecent = Math.abs(Date.now() - (mtime?.getTime() ?? 0)) < RECENT_MS;
    // Opening a pipe waits for whoever writes into it, and nothing else would run meanwhile.
    if (!isRecent || !isFile || size > MAX_COMPARED) return { facts };
    return { facts, content: Deno.readTextFileSync(path) };
  } catch {
    return { facts: "unreadable" };
  }
}

function lookInto(folder: string, matches: (name: string) => boolean): Look {
  try {
    return new Map(
      [...Deno.readDirSync(folder)].filter(({ name }) => matches(name))
        .map(({ name }) => [name, seenAt(`${folder}/${name}`)]),
    );
  } catch {
    return new Map();
  }
}
