/**
 * Lets nobody ask the node while its chain is changed: anvil 1.7 stopped answering for good on two
 * seeds in such a moment. To the service it is a node that takes a moment longer.
 */
export interface Gate {
  /** Before a call of the node. Answers what to do after it. */
  enter(): Promise<() => void>;
  /** Does something with the node alone: calls under way end first, others wait for it. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(): Gate {
  let inside = 0;
  let opened = Promise.resolve();
  let whenEmpty: (() => void) | null = null;
  let isClosed = false;
  const leave = () => {
    inside -= 1;
    if (inside === 0) whenEmpty?.();
  };
  return {
    async enter() {
      while (isClosed) await opened;
      inside += 1;
      return leave;
    },
    async alone(work) {
      while (isClosed) await opened;
      const { promise, resolve } = Promise.withResolvers<void>();
      isClosed = true;
      opened = promise;
      try {
        if (inside > 0) {
          await new Promise<void>((done) => {
            whenEmpty = done;
          });
        }
        return await work();
      } finally {
        whenEmpty = null;
        isClosed = false;
        resolve();
      }
    },
  };
}
