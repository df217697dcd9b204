/**
 * Lets nobody ask the node while its chain is changed: anvil 1.7 stopped answering for good on two
 * seeds in such a moment. To the service it is a node that takes a moment longer.
 */
export interface Gate {
  /** Before a call of a node. Answers what to do after it. */
  enter(call: CallOfNode): Promise<() => void>;
  /**
   * Does something with the node alone: calls under way end first, others wait for it.
   *
   * @throws NodeHangs where they do not end
   */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export interface CallOfNode {
  method: string;
  /** Of the node. */
  url: string;
}

/** A node that neither answers nor refuses: anvil's fault, which says nothing of the service. */
export class NodeHangs extends Error {
  override readonly name = 'NodeHangs';
}

/** The service gives a call up after ten seconds, and a storm's slowest takes one or two. */
const PATIENCE_MS = 30_000;

export function createGate(patienceMs = PATIENCE_MS): Gate {
  const inside = new Set<CallOfNode>();
  let opened = Promise.resolve();
  let whenEmpty: (() => void) | null = null;
  let isClosed = false;
  const becomesEmpty = async () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      const calls = [...inside].map(({ method, url }) => `${method} of ${url}`);
      const said = `no answer for ${patienceMs / 1000} s to ${calls.join(', ')}`;
      reject(new NodeHangs(`The chain's node hangs: ${said}.`));
    }, patienceMs);
    whenEmpty = resolve;
    await promise.finally(() => clearTimeout(timer));
  };
  return {
    async enter(call) {
      while (isClosed) await opened;
      // The same call may be made twice at a time.
      const own = { ...call };
      inside.add(own);
      return () => {
        inside.delete(own);
        if (inside.size === 0) whenEmpty?.();
      };
    },
    async alone(work) {
      while (isClosed) await opened;
      const { promise, resolve } = Promise.withResolvers<void>();
      isClosed = true;
      opened = promise;
      try {
        if (inside.size > 0) await becomesEmpty();
        return await work();
      } finally {
        whenEmpty = null;
        isClosed = false;
        resolve();
      }
    },
  };
}
