/**
 * Runs one server as its child and stops it when its own standard input ends. The starting process
 * holds the other end of that pipe, so the server stops however that process dies, SIGKILL
 * included.
 *
 * Started by `server.ts` in a session of its own with one argument, a `SupervisorSpec` as JSON.
 * Ends with the server's exit code (128 + signal number where a signal ended it).
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { identityOf } from './processes.ts';
import type { ServerRecord, SupervisorSpec } from './server.ts';

const spec = JSON.parse(process.argv[2] ?? '') as SupervisorSpec;

// Data and logs hold keys and balances: they are for this user alone.
process.umask(0o077);
const log = openSync(spec.logFile, 'a');
const server = spawn(spec.command, spec.args, {
  cwd: spec.cwd,
  stdio: ['ignore', log, log],
  ...(spec.user ?? {}),
});
closeSync(log);

let keep = false;
let stopping = false;

server.once('error', (error) => {
  writeFileSync(spec.logFile, `cannot start ${spec.command}: ${error.message}\n`, { flag: 'a' });
  process.exit(127);
});

if (server.pid !== undefined && spec.recordFile) {
  const record: ServerRecord = {
    name: spec.name,
    stopSignal: spec.stopSignal,
    supervisor: identityOf(process.pid),
    server: identityOf(server.pid),
  };
  // Whoever sees the file finds all of it.
  const partial = `${spec.recordFile}.partial`;
  writeFileSync(partial, JSON.stringify(record));
  renameSync(partial, spec.recordFile);
}

server.once('exit', (code, signal) => {
  if (spec.recordFile) rmSync(spec.recordFile, { force: true });
  // Without being asked to end it leaves its log to be read.
  if (spec.removeAfter && stopping && !keep)
    rmSync(spec.removeAfter, { recursive: true, force: true });
  process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0));
});

function stop(): void {
  if (stopping) return;
  stopping = true;
  server.kill(spec.stopSignal);
  setTimeout(() => server.kill('SIGKILL'), spec.graceMs);
}

// Whatever the starter writes before the end means: keep the throw-away folder this time.
process.stdin.on('data', () => {
  keep = true;
});
process.stdin.once('end', stop);
process.stdin.once('error', stop);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
