/**
 * Where each promise of a saga was made, for Temporal's `__stack_trace` query. The SDK writes every
 * stack as text when the promise is made, although nearly nobody asks: a third of what a saga costs
 * its thread (docs/upstream). Here V8 keeps the frames, and whoever asks pays for the text.
 */
import v8 from 'node:v8';
import { cutoffStackTrace } from '@temporalio/common';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import type { StackTraceFileLocation } from '@temporalio/workflow';

interface Stack {
  formatted: string;
  structured: StackTraceFileLocation[];
}

/** As the SDK keeps it for each workflow. */
export interface PromiseStackStore {
  childToParent: Map<Promise<unknown>, Set<Promise<unknown>>>;
  promiseToStack: Map<Promise<unknown>, Stack>;
}

/** Private to the SDK, which offers it with its own hook alone. */
interface Namer {
  overridePrepareStackTrace(): void;
}

/** Says whose code runs next in this thread; null: nobody's who is asked for stacks. */
export type EnterWorkflow = (store: PromiseStackStore | null) => void;

/** A promise of `Promise.all` and its like, and those that it makes for itself. */
const AGGREGATE = /^\s+at (Function|Promise)\.(race|all|allSettled|any) \(<anonymous>\)\n/;
const AGGREGATED = new RegExp(
  `^\\s+at\\sPromise\\.then \\(<anonymous>\\)\\n${AGGREGATE.source.slice(1)}`,
);

/** Takes the place of the SDK's hooks in this thread, before any workflow is created. */
export function trackPromises(): EnterWorkflow {
  // The names of frames in the sources come from here.
  (globalHandlers as unknown as Namer).overridePrepareStackTrace();
  globalHandlers.installed = true;
  globalHandlers.promiseHookInstalled = true;
  let store: PromiseStackStore | null = null;
  let realm: unknown;
  let RealmError = Error;
  v8.promiseHooks.createHook({
    init: function init(promise: Promise<unknown>, parent: Promise<unknown>) {
      const made = promise.constructor.constructor as FunctionConstructor;
      // The thread's own promises are of no interest. One is its own parent at times, says the SDK.
      if (store === null || made === Function || promise === parent) return;
      if (made !== realm) {
        realm = made;
        RealmError = made('return Error')() as ErrorConstructor;
      }
      store.promiseToStack.set(promise, new LazyStack(new RealmError()));
      store.childToParent.set(promise, new Set(parent ? [parent] : []));
    },
    settled(promise: Promise<unknown>) {
      store?.childToParent.delete(promise);
      store?.promiseToStack.delete(promise);
    },
  });
  return (next) => {
    store = next;
  };
}

class LazyStack implements Stack {
  private error: Error | null;
  private text = '';
  private frames: StackTraceFileLocation[] = [];

  constructor(error: Error) {
    this.error = error;
  }

  get formatted(): string {
    this.write();
    return this.text;
  }

  get structured(): StackTraceFileLocation[] {
    this.write();
    return this.frames;
  }

  /** Once: the stack of an error can be read as text any time, as frames only while it is made. */
  private write(): void {
    if (this.error === null) return;
    globalHandlers.currentStackTrace = undefined;
    const [, ...lines] = this.error.stack?.split('\n') ?? [];
    const frames: StackTraceFileLocation[] = globalHandlers.currentStackTrace ?? [];
    // The hook itself, and Node's own where there are several.
    const own = lines[1]?.includes('node:internal/promise_hooks') ? 2 : 1;
    this.text = cutoffStackTrace(lines.slice(own).join('\n'));
    this.frames = frames.slice(own, own + this.text.split('\n').length);
    this.error = null;
  }
}

/**
 * Links what `Promise.race` and its like make for themselves to their own promise, so that a person
 * reads one stack and not three. Called before a query for stacks is answered.
 */
export function linkAggregates({ childToParent, promiseToStack }: PromiseStackStore): void {
  let aggregate: Promise<unknown> | undefined;
  for (const [promise, { formatted }] of promiseToStack) {
    if (aggregate && AGGREGATED.test(formatted)) {
      const parents = childToParent.get(aggregate);
      for (const parent of childToParent.get(promise) ?? []) parents?.add(parent);
      childToParent.delete(promise);
      promiseToStack.delete(promise);
    } else {
      aggregate = AGGREGATE.test(formatted) ? promise : undefined;
    }
  }
}
