/** What is checked in of compiled contracts, so that nothing is compiled to run the service. */

export interface Artifact {
  contract: string;
  compiler: string;
  abi: object[];
  /** Deployment code, hex. */
  bytecode: `0x${string}`;
}

export const USDX_SOURCE = new URL('./contracts/UsdX.sol', import.meta.url);
export const USDX_ARTIFACT = new URL('./contracts/UsdX.json', import.meta.url);
export const PAYOUT_SOURCE = new URL('./contracts/Payout.sol', import.meta.url);
export const PAYOUT_ARTIFACT = new URL('./contracts/Payout.json', import.meta.url);
export const BALANCES_SOURCE = new URL('../../chains/evm/contracts/Balances.sol', import.meta.url);
export const BALANCES_ARTIFACT = new URL(
  '../../chains/evm/contracts/Balances.json',
  import.meta.url,
);

/** Each with its source, its name and where it is checked in. */
export const CONTRACTS = [
  { name: 'UsdX', source: USDX_SOURCE, artifact: USDX_ARTIFACT },
  { name: 'Payout', source: PAYOUT_SOURCE, artifact: PAYOUT_ARTIFACT },
  { name: 'Balances', source: BALANCES_SOURCE, artifact: BALANCES_ARTIFACT },
];
