import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { readAddress, showAddress } from '../../chains/evm/addresses.ts';
import { createAsset, listAssets, patchAsset, readAsset } from '../../ledger/assets.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseUnnameable } from '../pathNames.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  asset,
  assetPage,
  createAssetBody,
  patchAssetBody,
  scaleFaults,
} from '../schemas/asset.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Assets'];
const params = z.object({ code: idParam('code', 'ETH') });

const createAssetRoute = createRoute({
  method: 'post',
  path: '/v1/assets',
  tags,
  summary: 'Register an asset and make its system wallets',
  description:
    'Makes the wallets `external:`, `fees:`, `shortfall:`, `treasury:` and ' +
    '`unattributed:<code>`. Again with the same body: 200.',
  ...writes('admin'),
  request: { body: body(createAssetBody, 'required') },
  responses: {
    201: json(asset, 'The new asset'),
    200: json(asset, 'The asset was there'),
    ...problems([...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_EXISTS']),
  },
});

const readAssetRoute = createRoute({
  method: 'get',
  path: '/v1/assets/{code}',
  tags,
  summary: 'Read an asset',
  ...reads('read'),
  request: { params },
  responses: { 200: json(asset, 'The asset'), ...problems(['INVALID_REQUEST', 'ASSET_NOT_FOUND']) },
});

const listAssetsRoute = createRoute({
  method: 'get',
  path: '/v1/assets',
  tags,
  summary: 'List assets, newest first',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(assetPage, 'A page of assets'), ...problems(['INVALID_REQUEST']) },
});

const patchAssetRoute = createRoute({
  method: 'patch',
  path: '/v1/assets/{code}',
  tags,
  summary: 'Pause an asset, or change its bounds',
  ...writes('admin'),
  request: { params, body: body(patchAssetBody, 'required') },
  responses: {
    200: json(asset, 'The asset'),
    ...problems([...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_NOT_FOUND']),
  },
});

/** The contract in the spelling of its chain (EIP-55), so that one contract is one asset. */
function canonicalContract({ chain, contract }: z.output<typeof createAssetBody>): string | null {
  if (contract == null || !chain?.startsWith('eip155:')) return contract ?? null;
  const read = readAddress(contract);
  if ('address' in read) return showAddress(read.address);
  const errors = [{ pointer: '/contract', detail: read.fault }];
  throw new Problem('INVALID_REQUEST', `/contract: ${read.fault}`, { errors });
}

/**
 * 400 where the chain counts a new asset in other decimals: each amount of it would be off by
 * powers of ten. A chain that this service does not follow is not asked.
 */
async function refuseOtherScale(
  { chain: door, wallets }: ApiDeps,
  { code, chain, scale }: z.output<typeof createAssetBody>,
  contract: string | null,
): Promise<void> {
  if (door === null || chain == null || (await wallets.asset(code)) !== null) return;
  const detail = await door.scaleFault({ chain, contract, scale });
  if (detail === null) return;
  const errors = [{ pointer: '/scale', detail }];
  throw new Problem('INVALID_REQUEST', `/scale: ${detail}`, { errors });
}

/** Assets: made and changed by administrators, read by all. */
export function assetRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (code: string) => new Problem('ASSET_NOT_FOUND', `There is no asset ${code}.`);
  app.openapi(createAssetRoute, async (c) => {
    const asked = c.req.valid('json');
    await refuseUnnameable('/code', asked.code, wallets.asset);
    const contract = canonicalContract(asked);
    await refuseOtherScale(deps, asked, contract);
    const made = await createAsset(db, { ...asked, contract });
    if ('refusal' in made) throw problemOfRefusal(made.refusal);
    return c.json(made.asset, made.created ? 201 : 200);
  });
  app.openapi(readAssetRoute, async (c) => {
    const { code } = c.req.valid('param');
    const found = await readAsset(db, code);
    if (found === null) throw notFound(code);
    return c.json(found, 200);
  });
  app.openapi(listAssetsRoute, async (c) =>
    c.json(await listAssets(db, c.req.valid('query')), 200),
  );
  app.openapi(patchAssetRoute, async (c) => {
    const { code } = c.req.valid('param');
    const patch = c.req.valid('json');
    const facts = await wallets.asset(code);
    if (facts === null) throw notFound(code);
    const errors = scaleFaults(patch, facts.scale);
    const [first] = errors;
    if (first !== undefined) throw new Problem('INVALID_AMOUNT', first.detail, { errors });
    const changed = await patchAsset(db, code, patch);
    if ('refusal' in changed) throw problemOfRefusal(changed.refusal);
    return c.json(changed.asset, 200);
  });
  return app;
}
