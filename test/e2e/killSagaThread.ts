/** Loaded before the service: SIGUSR2 ends its thread of workflows, as if memory had run out. */
import type { Worker } from 'node:worker_threads';
import { WorkerThreadClient } from '@temporalio/worker/lib/workflow/threaded-vm.js';

const { prototype } = WorkerThreadClient;
const send = prototype.send;
let thread: Worker | undefined;
prototype.send = function (this: { workerThread: Worker } & WorkerThreadClient, ...args) {
  thread = this.workerThread;
  return send.apply(this, args);
} as typeof send;

process.on('SIGUSR2', () => void thread?.terminate());
