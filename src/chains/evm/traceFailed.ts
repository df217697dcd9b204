import { BlockUnreadable } from '../port.ts';

/** A block that the node has and cannot trace. Nothing of it is booked. */
export class TraceFailed extends BlockUnreadable {
  constructor(block: { number: string; hash: string }, words: string) {
    super(
      Number(block.number),
      block.hash.toLowerCase(),
      `Block ${Number(block.number)} (${block.hash}) cannot be traced: ${words}. Mend the node, ` +
        'or set CHAIN_TRACES=none to go on without the coins that contracts pay out.',
    );
  }
}
