import * as runner from '@jest/globals';
import { psycopg2 } from './psycopg2.js';
import { tellStories } from './tell-stories.js';

tellStories(psycopg2, runner);
