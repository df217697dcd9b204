/** What is checked in of the compiled token, so that nothing is compiled to run the demo. */

export interface Artifact {
  contract: string;
  compiler: string;
  abi: object[];
  /** Deployment code, hex. */
  bytecode: `0x${string}`;
}

export const USDX_SOURCE = new URL('./contracts/UsdX.sol', import.meta.url);
export const USDX_ARTIFACT = new URL('./contracts/UsdX.json', import.meta.url);
