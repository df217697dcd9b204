import { bodyLimit as honoBodyLimit } from 'hono/body-limit';
import { Problem } from './problem.ts';

/** 1 MiB: a thousand legs with room for metadata, far below Temporal's 2 MB for a payload. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Refuses larger bodies with 413, by their declared length or while they are read. */
export const bodyLimit = honoBodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new Problem('BODY_TOO_LARGE', `A body has at most ${MAX_BODY_BYTES} bytes (1 MiB).`);
  },
});
