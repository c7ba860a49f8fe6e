import * as runner from '@jest/globals';
import { psql } from './psql.js';
import { tellStories } from './tell-stories.js';

tellStories(psql, runner);
