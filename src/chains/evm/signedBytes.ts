/** Bytes that somebody else signed, held against what they were asked to sign. */
import {
  type Hex,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializedEIP1559,
} from 'viem';

/**
 * Why signed bytes are not what was asked for, in a sentence, or null where they are: the very
 * draft, signed by the sender, under the id that was told.
 *
 * @param draft unsigned bytes, hex
 * @param sender lower-case address
 */
export async function signedFault(
  signed: { bytes: string; txid: string },
  draft: string,
  sender: string,
): Promise<string | null> {
  const bytes = signed.bytes as TransactionSerializedEIP1559;
  try {
    const { r: _r, s: _s, v: _v, yParity: _y, ...unsigned } = parseTransaction(bytes as Hex);
    if (serializeTransaction(unsigned as never) !== draft) return 'it signed something else';
    const signer = await recoverTransactionAddress({ serializedTransaction: bytes });
    if (signer.toLowerCase() !== sender) return `it signed as ${signer}, not as ${sender}`;
  } catch (error) {
    return `its bytes cannot be read (${(error as Error).name})`;
  }
  const txid = keccak256(bytes);
  return txid === signed.txid ? null : `its bytes have the id ${txid}, it told ${signed.txid}`;
}
