import assert from "node:assert/strict";
import { now } from "../../service/mod.ts";
import { Pacer, parsePace, REALISTIC_PACE } from "./pace.ts";
import { Random } from "./random.ts";
import { TimerWheel } from "../scripts/timer_wheel.ts";

const SEED = "00112233445566778899aabb";

/** A wheel that notes what it was asked for and waits for nothing. */
class NotingWheel extends TimerWheel {
  readonly asked: number[] = [];

  override sleep(ms: number): Promise<void> | undefined {
    this.asked.push(ms);
    return undefined;
  }
}

function waits(pace: Parameters<typeof parsePace>[0], running = 1): number[] {
  const wheel = new NotingWheel();
  const pacer = new Pacer({ ...REALISTIC_PACE, ...parsePace(pace) }, {
    random: () => new Random(SEED),
    wheel,
    running: () => running,
    // It stands still: a busy machine's time is not what is tested.
    clock: () => 0,
  });
  const { signal } = new AbortController();
  pacer.first(signal);
  for (let i = 0; i < 200; i++) pacer.next(signal);
  // Waits are asked for against one running due time; the differences are the gaps.
  return wheel.asked.map((ms, i) => i === 0 ? ms : ms - (wheel.asked[i - 1] ?? 0));
}

const near = (a: number, b: number) => Math.abs(a - b) < 0.001;

Deno.test("Pacer waits ttft first and itl before each further token", () => {
  const [first = 0, ...gaps] = waits("ttft=100,itl=10");
  assert.ok(near(first, 100));
  assert.ok(near(gaps.reduce((sum, gap) => sum + gap, 0), 2000));
});

Deno.test("Pacer's jitter is the same for the same seed and stays within its bounds", () => {
  const gaps = waits("ttft=1000,itl=1000,jitter=0.3");
  assert.ok(waits("ttft=1000,itl=1000,jitter=0.3").every((gap, i) => near(gap, gaps[i] ?? 0)));
  assert.ok(gaps.every((gap) => gap > 290 && gap < 1710));
  assert.ok(Math.max(...gaps) - Math.min(...gaps) > 500);
});

Deno.test("Pacer slows down with load, up to its factor", () => {
  assert.ok(near(waits("itl=100,load=3,loadAt=10", 1)[1] ?? 0, 100));
  assert.ok(near(waits("itl=100,load=3,loadAt=10", 6)[1] ?? 0, 200));
  assert.ok(near(waits("itl=100,load=3,loadAt=10", 500)[1] ?? 0, 300));
});

Deno.test("Pacer asks for no timer when nothing is to be waited for", () => {
  const wheel = new NotingWheel();
  const pacer = new Pacer({ ...REALISTIC_PACE, ...parsePace("0") }, {
    random: () => new Random(SEED),
    wheel,
    running: () => 1,
  });
  assert.equal(pacer.first(new AbortController().signal), undefined);
  assert.deepEqual(wheel.asked, []);
});

Deno.test("parsePace() says what it expected", () => {
  assert.deepEqual(parsePace("ttft=5, itl=1"), { ttft: 5, itl: 1 });
  for (const wrong of ["fast", "ttft=", "ttft=-1", "jitter=2", ""]) {
    assert.throws(() => parsePace(wrong), SyntaxError, wrong);
  }
});

Deno.test("TimerWheel wakes sleepers in the order of their times, never early", async () => {
  using wheel = new TimerWheel();
  // When each is due at the earliest and at the latest: a busy machine may pause between two calls.
  const woken: { earliest: number; latest: number }[] = [];
  await Promise.all([30, 5, 20, 5, 1].map(async (ms) => {
    const earliest = now() + ms;
    const sleep = wheel.sleep(ms);
    const latest = now() + ms + 1;
    await sleep;
    assert.ok(now() >= earliest);
    woken.push({ earliest, latest });
  }));
  woken.forEach(({ earliest }, n) => {
    const after = woken.slice(n + 1).map(({ latest }) => latest);
    assert.ok(after.every((latest) => earliest <= latest), JSON.stringify(woken));
  });
});

Deno.test("TimerWheel lets an aborted sleeper go, and all of them at its end", async () => {
  const wheel = new TimerWheel();
  const controller = new AbortController();
  const long = wheel.sleep(60_000, controller.signal);
  const other = wheel.sleep(60_000);
  controller.abort();
  await long;
  wheel[Symbol.dispose]();
  await other;
});

Deno.test("TimerWheel uses no timer for zero", () => {
  using wheel = new TimerWheel();
  assert.equal(wheel.sleep(0), undefined);
  assert.equal(wheel.sleep(-1), undefined);
});
