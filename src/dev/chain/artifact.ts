/** What is checked in of compiled contracts, so that nothing is compiled to run the demo. */

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
