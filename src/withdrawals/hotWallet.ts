/** The wallet that withdrawals are paid from. */
import type { ChainConnection } from '../chains/connection.ts';
import type { ChainPort } from '../chains/port.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import {
  createRemoteSigner,
  type RemoteSignerSettings,
  SignerUnavailable,
} from './remoteSigner.ts';
import { createMnemonicSigner, type Signer } from './signer.ts';

/**
 * Writes down that payments leave from this address: it is refused as a destination, its coins are
 * part of what the books must equal, and what it sends without us from here on is noticed.
 */
export async function registerHotAddress(db: Db, port: ChainPort, address: string): Promise<void> {
  const sent = await port.nextSequence(address);
  await db.query('select chain_register_sender($1, $2, $3)', [port.chain, address, sent]);
}

/**
 * Asks for the signer once, so that a main net is refused when a process begins and not at its
 * first withdrawal. A node or a signer that does not answer yet is left for later.
 */
export async function refuseMainNet(signer: SignerConnection): Promise<void> {
  try {
    await signer();
  } catch (error) {
    if (!(error instanceof ChainUnavailable || error instanceof SignerUnavailable)) throw error;
  }
}

/** Answers the signer; throws `ChainUnavailable` while the node does not answer. */
export type SignerConnection = () => Promise<Signer>;

/**
 * The development signer of whatever chain the node is on, made when it is first needed.
 *
 * @throws an Error on a known main net; see `createMnemonicSigner`
 */
export function connectMnemonicSigner(
  db: Db,
  chain: ChainConnection,
  mnemonic: string,
): SignerConnection {
  return connectSigner(db, chain, async (name) => createMnemonicSigner(mnemonic, name));
}

/** A signer in a process of its own, asked for its address when it is first needed. */
export function connectRemoteSigner(
  db: Db,
  chain: ChainConnection,
  settings: RemoteSignerSettings,
): SignerConnection {
  return connectSigner(db, chain, (name) => createRemoteSigner(settings, name));
}

function connectSigner(
  db: Db,
  chain: ChainConnection,
  make: (chain: string) => Promise<Signer>,
): SignerConnection {
  let signer: Signer | null = null;
  return async () => {
    if (signer) return signer;
    const port = await chain();
    const made = await make(port.chain);
    await registerHotAddress(db, port, made.sender);
    signer = made;
    return made;
  };
}
