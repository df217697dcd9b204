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
  const broker = await startBroker((line) => console.log(line));
  project.provide('brokerUrl', broker.url);
  return () => broker.stop();
}
