import { createRequire } from 'node:module';
import type * as NodeHttp from 'node:http';

/**
 * The module `node:http`, of which other files import types only. An `import` of values reads all exports,
 * and the WebSocket among them makes Node load its `fetch` and HTTP/2: 16 MB, and a twentieth of a start.
 */
export const http = createRequire(import.meta.url)('node:http') as typeof NodeHttp; // as Node documents it
