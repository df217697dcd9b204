/** What is checked in of compiled contracts, so that nothing is compiled to run the service. */

export interface Artifact {
  contract: string;
  compiler: string;
  abi: object[];
  /** Deployment code, hex. */
  bytecode: `0x${string}`;
}

export const USDX_ARTIFACT = new URL('./contracts/UsdX.json', import.meta.url);
export const PAYOUT_ARTIFACT = new URL('./contracts/Payout.json', import.meta.url);

const EVM = '../../chains/evm/contracts/';

/** Each by its name, with its source and where what that compiles to is checked in. */
export const CONTRACTS = [
  {
    name: 'UsdX',
    source: new URL('./contracts/UsdX.sol', import.meta.url),
    artifact: USDX_ARTIFACT,
  },
  {
    name: 'Payout',
    source: new URL('./contracts/Payout.sol', import.meta.url),
    artifact: PAYOUT_ARTIFACT,
  },
  {
    name: 'Balances',
    source: new URL(`${EVM}Balances.sol`, import.meta.url),
    artifact: new URL(`${EVM}Balances.json`, import.meta.url),
  },
];
