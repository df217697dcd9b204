/**
 * What the API asks of whoever keeps the hooks that chain providers send. `src/hooks/` implements
 * it, the composition root hands it to `createApp({ hooks })`.
 */

/** A hook as it came: signatures are over the very bytes. */
export interface HookDelivery {
  body: Uint8Array;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
}

/**
 * What became of it.
 * - `taken`: it is stored and will be looked at; `duplicate` where it had been stored before.
 * - `unknown_source`: nobody configured a source of that name.
 * - `refused`: the signature is not the source's, in a sentence.
 * - `unavailable`: it cannot be told now whether it is, in a sentence; the provider tries again.
 */
export type HookAnswer =
  | { answer: 'taken'; deliveryId: string; duplicate: boolean }
  | { answer: 'unknown_source' }
  | { answer: 'refused'; why: string }
  | { answer: 'unavailable'; why: string };

export interface HookDoor {
  /** Checks the signature and stores the hook; nothing in it is believed, or read any further. */
  receive(source: string, delivery: HookDelivery): Promise<HookAnswer>;
}
