import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { createAsset, listAssets, patchAsset, readAsset } from '../../ledger/assets.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { asset, assetPage, createAssetBody, patchAssetBody, scaleFaults } from '../schemas/asset.ts';
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
    'Makes the wallets `external:`, `fees:`, `shortfall:`, `treasury:` and `unattributed:<code>`. ' +
    'Again with the same body: 200.',
  ...writes('admin'),
  request: { body: body(createAssetBody, 'required') },
  responses: {
    201: json(asset, 'The new asset'),
    200: json(asset, 'The asset was there'),
    ...problems(...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_EXISTS'),
  },
});

const readAssetRoute = createRoute({
  method: 'get',
  path: '/v1/assets/{code}',
  tags,
  summary: 'Read an asset',
  ...reads('read'),
  request: { params },
  responses: { 200: json(asset, 'The asset'), ...problems('INVALID_REQUEST', 'ASSET_NOT_FOUND') },
});

const listAssetsRoute = createRoute({
  method: 'get',
  path: '/v1/assets',
  tags,
  summary: 'List assets, newest first',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(assetPage, 'A page of assets'), ...problems('INVALID_REQUEST') },
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
    ...problems(...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_NOT_FOUND'),
  },
});
