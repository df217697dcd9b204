/** Opens the broker of the run; runs in vitest's main process, before and after all test files. */
import type { TestProject } from 'vitest/node';
import { startBroker } from './stackBroker.ts';

declare module 'vitest' {
  interface ProvidedContext {
    brokerUrl: string;
  }
}

/** Called by vitest; returns what ends the run. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (process.env.HOLDFAST_PARENT_PIPE === '1') {
    // The bootstrap is gone: nobody waits for this run, and its servers stop with it.
    process.stdin.resume();
    process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM'));
    process.stdin.unref?.();
  }
  const broker = await startBroker((line) => process.stdout.write(`${line}\n`));
  project.provide('brokerUrl', broker.url);
  return () => broker.stop();
}
