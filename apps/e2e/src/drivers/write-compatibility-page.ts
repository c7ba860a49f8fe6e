import { writeFileSync } from 'node:fs';
import { renderCompatibilityPage } from './compatibility-page.js';

writeFileSync(new URL('../../../../docs/compatibility.md', import.meta.url), renderCompatibilityPage());
