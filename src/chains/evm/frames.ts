/** Call frames of a transaction, whichever tracer told them, and the coins that they moved. */

/** One call, creation or self-destruction within a transaction. */
export interface Frame {
  from: string;
  to: string;
  units: bigint;
  /** Whether its value goes from one account to another: calls and self-destructions. */
  pays: boolean;
  /** It was undone, and with it all below it. */
  failed: boolean;
  calls: Frame[];
}

/** Coins that moved below the transaction itself. */
export interface InnerPayment {
  /** Places of the frames from the transaction downwards, such as [0, 2]. */
  path: number[];
  from: string;
  to: string;
  units: bigint;
}

/**
 * Precompiled contracts live at the lowest addresses (EIP-1352: below 0x10000). Some tracers list
 * calls to them and others do not, so places are counted without them; none is anybody's address.
 */
const PRECOMPILED = /^0x0{36}[0-9a-f]{4}$/;

/** Successful payments of the frames below `root`; its own value is the transaction's. */
export function innerPayments(root: Frame): InnerPayment[] {
  return root.failed ? [] : below(root, []);
}

function below({ calls }: Frame, path: number[]): InnerPayment[] {
  return calls
    .filter(({ to }) => !PRECOMPILED.test(to))
    .flatMap((frame, at) => {
      if (frame.failed) return [];
      const here = [...path, at];
      const { from, to, units, pays } = frame;
      const own = pays && units > 0n && from !== to ? [{ path: here, from, to, units }] : [];
      return [...own, ...below(frame, here)];
    });
}
