// `npm start`: pgwake on one machine without any configuration. Builds first, so everything that uses the libraries is
// loaded after that.

import { fileURLToPath } from 'node:url';
import { build } from './build.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

await build(root);
const { start } = await import('./start.ts');
await start(root);
