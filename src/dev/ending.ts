/** How a foreground program of ours learns that it should stop. */
import type { Socket } from 'node:net';

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP, or when the bootstrap that holds the other end
 * of standard input is gone (it sets `HOLDFAST_PARENT_PIPE`).
 *
 * @param atOnce called at that moment, before whoever awaits
 */
export function endRequested(atOnce: () => void): Promise<void> {
  // Whoever read our output may be gone before us; that must not keep us from stopping in order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return new Promise((resolve) => {
    const end = (): void => {
      atOnce();
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
    if (process.env.HOLDFAST_PARENT_PIPE !== '1') return;
    process.stdin.resume();
    process.stdin.once('end', end);
    process.stdin.once('error', end);
    // Listening here must not keep a program alive that has nothing else to do.
    (process.stdin as Socket).unref();
  });
}
