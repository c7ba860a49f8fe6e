import { writeFileSync } from 'node:fs';
import { renderFaultsPage } from './faults-page.ts';

writeFileSync(new URL('../../../docs/faults.md', import.meta.url), renderFaultsPage());
