import * as runner from '@jest/globals';
import { nodePostgres } from './node-postgres.js';
import { tellStories } from './tell-stories.js';

tellStories(nodePostgres, runner);
