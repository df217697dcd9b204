import type { Logger } from '@temporalio/worker';
import { Runtime } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { createLog } from '../../src/observability/log.ts';
import { installRuntime, mute, mutedLevels } from '../../src/temporal/runtime.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

it('the SDK is deaf at the levels that the log does not write, and at no other', async () => {
  const lines: string[] = [];
  const log = createLog('warn', { write: (line) => void lines.push(JSON.parse(line).msg) });
  // Another file of this process may have installed one, with its own log.
  await Runtime._instance?.shutdown();
  installRuntime(log);
  expect(mutedLevels()).toEqual(['trace', 'debug', 'info']);

  const heard: string[] = [];
  const hear = (level: string) => () => heard.push(level);
  const own = Object.fromEntries(LEVELS.map((level) => [level, hear(level)])) as unknown as Logger;
  mute(own);
  for (const level of LEVELS) own[level]('a line');
  expect(heard).toEqual(['warn', 'error']);

  const runtime = Runtime.instance();
  runtime.logger.info('nobody reads this');
  runtime.logger.warn('somebody reads this');
  runtime.flushLogs();
  expect(lines).toEqual(['somebody reads this']);
  await runtime.shutdown();
});
