import * as runner from '@jest/globals';
import { postgresJs } from './postgres-js.js';
import { tellStories } from './tell-stories.js';

tellStories(postgresJs, runner);
